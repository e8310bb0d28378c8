//! What a group publishes and subscribes to.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::super::fault::GroupError;
use super::super::file::{Arrival, PublishFile, SubscribeFile};
use super::super::{Body, Payload, Publication, Subscription};
use super::texts::{Place, filter, pattern, text, topic};
use super::{Context, qos};
use crate::cli::PayloadKind;
use crate::payload::{PAYLOAD_BYTES_MIN, PLAIN_BYTES_MAX, StampPlace};
use crate::rate::Rate;

/// How often when nothing is said.
const RATE: Rate = Rate::Period(Duration::from_secs(3));

/// Publications of one client that may be on their way in a closed loop, when nothing is said.
const WINDOW: u32 = 100;

/// Publications of a burst when nothing is said.
const BURST: u32 = 10;

/// Payload at most: the Remaining Length field holds 256 MiB, the rest is the Topic Name.
pub(in super::super) const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that a Client Identifier or User Name is taken to have in a payload.
const NAME_BYTES: usize = 128;

/// Resolved and checked.
pub(super) fn publication(
    file: &PublishFile,
    clients: u32,
    context: &Context,
) -> Result<Publication, GroupError> {
    let rate = file.rate.map_or(RATE, |rate| rate.0);
    let period_ns = rate.period_ns(clients)?;
    let publications = (context.warmup_ns + context.duration_ns).checked_div(period_ns);
    if publications.is_some_and(|count| count + 1 >= u64::from(u32::MAX)) {
        return Err(GroupError::Sequences);
    }
    let properties = file.user_properties.iter().map(|(name, value)| {
        let text = |written| text("user_properties", written, Place::Any);
        Ok((text(name)?, text(value)?))
    });
    Ok(Publication {
        topic: topic(&file.topic)?,
        qos: qos(file.qos)?,
        retain: file.retain,
        period_ns,
        window: window(file, rate)?,
        arrival: file.arrival,
        burst: burst(file)?,
        payload: payload(file, context)?,
        user_properties: properties.collect::<Result<_, GroupError>>()?,
    })
}

/// The window of a closed loop.
fn window(file: &PublishFile, rate: Rate) -> Result<Option<u32>, GroupError> {
    if rate != Rate::Max {
        return match file.window {
            Some(_) => Err(GroupError::Needs("window", "rate = \"max\"")),
            None => Ok(None),
        };
    }
    if file.arrival != Arrival::Spread {
        return Err(GroupError::Both("arrival", "rate = \"max\""));
    }
    if file.payload == Some(PayloadKind::Plain) {
        // Whose publication has arrived is read from its stamp.
        return Err(GroupError::Both("payload = \"plain\"", "rate = \"max\""));
    }
    if topic(&file.topic)?.variants() > 1 {
        return Err(GroupError::Both("%rand_N in topic", "rate = \"max\""));
    }
    match file.window.unwrap_or(WINDOW) {
        0 => Err(GroupError::Zero("window")),
        window => Ok(Some(window)),
    }
}

fn burst(file: &PublishFile) -> Result<u32, GroupError> {
    match (file.arrival, file.burst) {
        (Arrival::Burst, Some(0)) => Err(GroupError::Zero("burst")),
        (Arrival::Burst, burst) => Ok(burst.unwrap_or(BURST)),
        (_, Some(_)) => Err(GroupError::Needs("burst", "arrival = \"burst\"")),
        (_, None) => Ok(1),
    }
}

fn payload(file: &PublishFile, context: &Context) -> Result<Payload, GroupError> {
    let body = body(file)?;
    let is_plain = file.payload == Some(PayloadKind::Plain);
    for (a, b, both) in [
        ("payload = \"plain\"", "size", is_plain && file.size.is_some()),
        ("payload", "template", file.payload.is_some() && file.template.is_some()),
        ("payload", "file", file.payload.is_some() && file.file.is_some()),
        ("size", "template", file.size.is_some() && file.template.is_some()),
        ("size", "file", file.size.is_some() && file.file.is_some()),
    ] {
        if both {
            return Err(GroupError::Both(a, b));
        }
    }
    let body_bytes = match &body {
        Body::Temperature => None,
        Body::Text(pattern) => Some(pattern.bytes_max(NAME_BYTES)),
        Body::Bytes(bytes) => Some(bytes.len()),
    };
    let (stamp_place, bytes) = match (body_bytes, is_plain, context.all_new) {
        (Some(bytes), _, true) => (StampPlace::Correlation, bytes),
        // The stamp in front, a space, the body.
        (Some(bytes), _, false) => (StampPlace::Payload, PAYLOAD_BYTES_MIN + 1 + bytes),
        (None, true, true) => (StampPlace::Correlation, PLAIN_BYTES_MAX),
        (None, true, false) => (StampPlace::Nowhere, PLAIN_BYTES_MAX),
        (None, false, _) => (StampPlace::Payload, stamped_bytes(file)?),
    };
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(GroupError::SizeTooLarge(bytes as u64));
    }
    Ok(Payload { stamp_place, bytes, body })
}

fn stamped_bytes(file: &PublishFile) -> Result<usize, GroupError> {
    let Some(size) = file.size else {
        return Ok(PAYLOAD_BYTES_MIN);
    };
    match usize::try_from(size.0.0) {
        Ok(bytes) if bytes >= PAYLOAD_BYTES_MIN => Ok(bytes),
        _ => Err(GroupError::SizeTooSmall(size.0.0)),
    }
}

fn body(file: &PublishFile) -> Result<Body, GroupError> {
    match (&file.template, &file.file) {
        (Some(_), Some(_)) => Err(GroupError::Both("template", "file")),
        (Some(template), None) => Ok(Body::Text(pattern("template", template)?)),
        (None, Some(path)) => match fs::read(path) {
            Ok(bytes) => Ok(Body::Bytes(Arc::from(bytes))),
            Err(error) => Err(GroupError::File {
                path: path.display().to_string(),
                reason: error.to_string(),
            }),
        },
        (None, None) => Ok(Body::Temperature),
    }
}

/// Resolved and checked.
pub(super) fn subscription(file: &SubscribeFile) -> Result<Subscription, GroupError> {
    if let Some(share) = &file.share
        && (share.is_empty() || share.contains(['/', '+', '#', '\0']))
    {
        return Err(GroupError::Share(share.clone()));
    }
    Ok(Subscription {
        filter: filter(&file.filter)?,
        qos: qos(file.qos)?,
        share: file.share.clone(),
    })
}
