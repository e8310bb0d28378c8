//! Every normative statement of MQTT 5.0 that a Server can be held to, one test or more each,
//! named by its number; `clauses.csv` lists all of them.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of 3.1.1, which use the rest")]
mod support;
#[path = "../support/v5/mod.rs"]
mod v5;

mod section_1_5_data;
mod section_2_format;
mod section_3_10_unsubscribe;
mod section_3_14_disconnect;
mod section_3_1_connect;
mod section_3_1_limits;
mod section_3_1_payload;
mod section_3_1_will;
mod section_3_2_connack;
mod section_3_2_features;
mod section_3_3_properties;
mod section_3_3_publish;
mod section_3_3_retain;
mod section_3_4_acknowledgements;
mod section_3_8_subscribe;
mod section_4_12_authentication;
mod section_4_13_errors;
mod section_4_1_state;
mod section_4_3_rights;
mod section_4_7_topics;
