"""Tests that other brokers are known to fail, with the clause that they do not keep.

The key is the name of the program in `BROKER`, then the test as `file.py::test[parameters]`.
These tests are expected to fail, and one that passes is an error: so the table stays true.
"""

DEVIATIONS: dict[str, dict[str, str]] = {
    # 2.0.11, as Debian 12 has it.
    "mosquitto": {
        "test_filters.py::test_overlapping_filters_keep_the_highest_qos[2-0]": "[MQTT-3.3.5-1]: "
        "a copy at the QoS of the filter that it finds first, not at the highest",
        "test_filters.py::test_overlapping_filters_keep_the_highest_qos[2-1]": "[MQTT-3.3.5-1]: "
        "a copy at the QoS of the filter that it finds first, not at the highest",
        "test_mqtt5.py::test_take_over_is_told": "[MQTT-3.1.4-3]: no DISCONNECT with 0x8E",
        "test_mqttjs.py::test_mqttjs[mqtt5_take_over.test.js]": "[MQTT-3.1.4-3]: "
        "no DISCONNECT with 0x8E",
        "test_session.py::test_take_over_closes_the_old_connection[False]": "[MQTT-3.1.2-8]: "
        "no Will Message when a client with Clean Session 0 is taken over",
        "test_will.py::test_sent_when_the_client_breaks_the_protocol[second-connect]": "3.1.2.5: "
        "no Will Message after a second CONNECT",
    },
}
