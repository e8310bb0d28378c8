//! The faults of other brokers, each a test over real sockets: what has brought them down, or made them lose
//! messages or memory. A test is named after an advisory or an issue where there is one that says most.
//!
//! | class | where it was found | test |
//! |---|---|---|
//! | size limit and deadline before CONNECT | CVE-2017-7651, CVE-2023-0809 | `strangers` |
//! | a refused CONNECT is closed | CVE-2025-56352 | `strangers` |
//! | announced sizes are not allocated | CVE-2021-33175, CVE-2021-33176, CVE-2021-22116 | `memory`, `core/tests/hostile` |
//! | packets that only a Server sends | CVE-2021-28166 | `crafted` |
//! | empty topics, U+0000, `$` | CVE-2021-34432, mosquitto#3052, #3319, EMQX#13045 | `crafted`, `conformance5/section_4_7_topics` |
//! | QoS 2 that is never released | CVE-2023-28366 | `crafted`, `conformance5`: `mqtt5_3_3_4_7_…` |
//! | properties of a Will | CVE-2023-3592 | `crafted` |
//! | assertions and arithmetic within reach of a packet | CVE-2024-42644, CVE-2024-42645, CVE-2026-42209 | `crafted`, `core/tests/hostile`, `hostile`; limits of zero: `config/tests.rs` |
//! | MQTT and WebSocket lengths that disagree | CVE-2026-25627 | `web_socket` |
//! | the list of subscribers changes meanwhile | CVE-2025-59946, NanoMQ#1863, #2115, #2117 | `loss` |
//! | a queue that fills up stops everybody | CVE-2024-48077, aedes#1060, mochi#340 | `loss`, `conformance/bounds`: `frozen_reader_…`, `unread_answers_…` |
//! | delivery stops after a hundred messages | aedes#88, #553, #642 | `loss` |
//! | take-over loses messages | rmqtt#475 | `loss`, `endurance`: `fight_for_an_identifier_…` |
//! | QoS 2 twice, PUBREL lost, identifiers that collide | rmqtt#456, mosquitto#1726 | `loss`, `conformance/section_4_4_redelivery` |
//! | what waits for a session does not come | NanoMQ#2412, #2026, mosquitto#2349, #2811 | `loss`, `conformance/section_3_1_connect_session` |
//! | queues that are left behind | moquette#608 | `loss` |
//! | shared subscriptions whose members leave | | `loss`, `conformance5`: `mqtt5_4_8_2_3_members_come_and_go` |
//! | retained messages missing from a wildcard | mosquitto#3096, #2887 | `memory`, `conformance/bounds`: `many_retained_messages_all_come` |
//! | memory of retained messages | NanoMQ#2266, FlashMQ#156, #169 | `memory`, `conformance/bounds`: `retained_messages_are_bounded` |
//! | memory under load, and of those who come and go | rumqttd#599, robustmq#1535, zenoh-plugin-mqtt#39, rumqttd#390 | `endurance`, `hostile` |
//! | one client more than the limit | rumqttd#991 | `conformance/bounds`: `one_connection_too_many_is_closed`, `access/limits` |
//! | dead peers | rmqtt#465 | keep alive: `conformance`: `mqtt_3_1_2_24_…`; without: TCP keep alive, `transport/tcp.rs` |
//! | the port is taken | rmqtt#337 | `process` |
//! | the end of the broker hangs | FlashMQ#77 | `process` |
//! | a failed reload falls back to the defaults | CVE-2017-7652 | `access/credentials`, `command_line` |
//! | certificates without a restart | mosquitto#2038, #1877, #524 | `transports/tls`, `transports/reload_by_signal` |
//! | rights withdrawn: retained, subscribed, queued, resumed | CVE-2018-12546, CVE-2021-34434, NATS 2026-26 | `access/revocation` |
//! | rules passed by through another namespace | CVE-2026-33217 | `rights` |
//!
//! What needs a cluster or a store on disk has no counterpart here.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use the rest")]
mod support;
#[path = "../support/v5/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use the rest")]
mod v5;

mod crafted;
mod endurance;
mod loss;
mod memory;
mod process;
mod rights;
mod strangers;
mod web_socket;
