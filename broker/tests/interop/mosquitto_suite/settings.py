"""mosquitto.conf in Kelvin's words, for the settings that both have."""

from pathlib import Path

# Said of a test that needs one of these.
MISSING = {
    "plugin": "mosquitto's plugins are shared libraries of its own API",
    "auth_plugin": "mosquitto's plugins are shared libraries of its own API",
    "connection": "no bridges",
    "persistence": "sessions are kept in memory",
    "per_listener_settings": "access is the same on every listener",
    "psk_file": "no TLS with pre-shared keys",
    "psk_hint": "no TLS with pre-shared keys",
    "crlfile": "no revocation lists",
    "use_identity_as_username": "a certificate gives no user name",
    "use_subject_as_username": "a certificate gives no user name",
    "mount_point": "no mount points",
    "check_retain_source": "rights to a retained message are those of its receiver",
    "retain_available": "retained messages cannot be switched off",
    "maximum_qos": "every QoS is on",
    "message_size_limit": "the size of packets is limited, not that of payloads",
    "max_inflight_bytes": "the inflight window counts messages",
    "upgrade_outgoing_qos": "[MQTT-3.8.4-8]: the QoS of a delivery is never above that of its publication",
    "allow_zero_length_clientid": "[MQTT-3.1.3-6]: an empty Client Identifier is always accepted",
    "auto_id_prefix": "assigned Client Identifiers have no prefix of one's choice",
    "queue_qos0_messages": "QoS 0 is not kept for who is away",
}

# The same meaning under another name: mosquitto's, the table and the key of Kelvin's.
RENAMED = {
    "allow_anonymous": ("access", "allow_anonymous"),
    "password_file": ("access", "password_file"),
    "acl_file": ("access", "acl_file"),
    "max_inflight_messages": ("limits", "receive_maximum"),
    "max_queued_messages": ("limits", "queued_messages_max"),
    "max_queued_bytes": ("limits", "queued_bytes_max"),
    "max_packet_size": ("limits", "packet_bytes_max"),
    "max_keepalive": ("limits", "keep_alive_max_seconds"),
    "max_connections": ("limits", "connections_max"),
    "keyfile": ("tls", "key_file"),
}

# Of no consequence for what is tested.
IGNORED = {"log_dest", "log_type", "autosave_interval", "sys_interval"}


class NotApplicable(Exception):
    """A setting that Kelvin does not have, with the reason."""


def quoted(value: str) -> str:
    """A number or a boolean as it is, anything else as a string of TOML."""
    return value if value in ("true", "false") or value.isdigit() else f'"{value}"'


def translate(conf: str, port: int) -> str:
    """kelvin.toml for `conf`; `port` is for one that names none."""
    # What mosquitto says of itself in its CONNACK.
    tables: dict[str, dict[str, str]] = {
        "access": {},
        "tls": {},
        "limits": {"topic_alias_max": "10", "topic_levels_max": "201", "receive_maximum": "20", "inflight_max": "20"},
    }
    listeners: list[tuple[int, str]] = []
    certificate, authority = "", ""
    for line in conf.splitlines():
        name, _, value = line.strip().partition(" ")
        value = value.strip()
        if not name or name.startswith("#") or name in IGNORED:
            continue
        if name in ("port", "listener"):
            listeners.append((int(value.split()[0]), "mqtt"))
        elif name == "cafile":
            authority = value
        elif name == "certfile":
            certificate = value
            listeners[-1] = (listeners[-1][0], "mqtts")
        elif name == "require_certificate" and value == "true":
            tables["tls"]["client_authority_file"] = quoted(authority)
        elif name in RENAMED:
            table, key = RENAMED[name]
            tables[table][key] = quoted(value)
            if name == "max_inflight_messages":
                tables["limits"]["inflight_max"] = value
        elif name == "per_listener_settings" and value == "false":
            continue
        else:
            raise NotApplicable(f"{name}: {MISSING.get(name, 'unknown')}")
    if certificate:
        # mosquitto adds to the chain what the file of authorities has.
        chain = Path(f"{port}-chain.pem")
        chain.write_text(Path(certificate).read_text() + Path(authority).read_text())
        tables["tls"]["certificate_file"] = quoted(str(chain))
    listeners = listeners or [(port, "mqtt")]
    urls = [f'"{scheme}://{host}:{at}"' for at, scheme in listeners for host in ("127.0.0.1", "[::1]")]
    text = [f"listeners = [{', '.join(urls)}]"]
    for table, values in tables.items():
        text += [f"[{table}]", *(f"{key} = {value}" for key, value in values.items())]
    return "\n".join(text) + "\n"
