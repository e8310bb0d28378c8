//! Every normative statement of MQTT 3.1.1 that a Server can be held to, one test or more each,
//! named by its number; `clauses.csv` lists all of them. And every bound at work.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of advisories, which use the rest")]
mod support;

mod bounds;
mod section_1_5_data;
mod section_2_2_fixed_header;
mod section_2_3_packet_identifier;
mod section_3_10_unsubscribe;
mod section_3_12_ping;
mod section_3_14_disconnect;
mod section_3_1_connect_flags;
mod section_3_1_connect_payload;
mod section_3_1_connect_session;
mod section_3_1_connect_will;
mod section_3_2_connack;
mod section_3_3_publish;
mod section_3_3_retain;
mod section_3_8_subscribe;
mod section_4_1_state;
mod section_4_3_delivery;
mod section_4_4_redelivery;
mod section_4_6_order;
mod section_4_7_topics;
mod section_4_8_errors;
