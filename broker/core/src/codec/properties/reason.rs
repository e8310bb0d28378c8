//! The two properties that most packets of MQTT 5.0 may carry.

use super::identifier::{PropertyIdentifier, PropertySet};
use super::read::{Property, PropertyReader};
use super::user::UserProperties;
use super::write::PropertyWriter;
use crate::codec::error::DecodeError;
use crate::codec::reader::Reader;

/// Reason String and User Properties of an acknowledgement, MQTT 5.0 3.4.2.2 and its likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonProperties<'a> {
    /// For people who read logs; no program acts on it.
    pub reason_string: Option<&'a str>,
    /// Names with their values.
    pub user_properties: UserProperties<'a>,
}

impl<'a> ReasonProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self { reason_string: None, user_properties: UserProperties::NONE };

    /// Takes the properties of an acknowledgement off the front of `packet`.
    pub(in super::super) fn decode(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut reader = PropertyReader::new(packet, PropertySet::ACKNOWLEDGEMENT)?;
        let user_properties = UserProperties::new(reader.rest());
        let mut reason_string = None;
        while let Some(property) = reader.next()? {
            if let Property::ReasonString(string) = property {
                reason_string = Some(string);
            }
        }
        Ok(Self { reason_string, user_properties })
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.iter().next().is_none()
    }

    pub(in super::super) fn write(&self, out: &mut Vec<u8>) {
        let mut writer = PropertyWriter(out);
        writer.string(PropertyIdentifier::ReasonString, self.reason_string);
        writer.user_properties(self.user_properties);
    }
}

impl<'a> From<Option<&'a str>> for ReasonProperties<'a> {
    fn from(reason_string: Option<&'a str>) -> Self {
        Self { reason_string, ..Self::NONE }
    }
}
