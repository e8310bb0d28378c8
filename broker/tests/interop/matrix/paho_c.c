/* Eclipse Paho's C client: the matrix' scenarios over one transport. See harness/matrix.py for what comes in and goes out.
 *
 * cc -o paho_c paho_c.c -lpaho-mqtt3cs */
#include <MQTTClient.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 30000, NUDGE_MS = 300, CLIENTS_MAX = 8, TEXT_MAX = 512 };

static char url[TEXT_MAX], failure[TEXT_MAX];
static const char *prefix, *authority, *transport;
static int level, number;
static jmp_buf failed;
static MQTTClient clients[CLIENTS_MAX];
static int client_count;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure, sizeof failure, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

static void check(const char *what, int code) {
    if (code != MQTTCLIENT_SUCCESS) fail("%s: %d", what, code);
}

/* The properties of MQTT 5, none at the versions before. */
static MQTTProperties *none(void) {
    static MQTTProperties empty = MQTTProperties_initializer;
    return level == MQTTVERSION_5 ? &empty : NULL;
}

/* Opens a connection; `session_present` may be NULL. */
static MQTTClient open_client(const char *identifier, int clean, const char *will_topic, int *session_present) {
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
    MQTTClient_connectOptions options = level == MQTTVERSION_5 ? v5 : v3;
    MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
    MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
    MQTTClient client;
    char name[64];

    create.MQTTVersion = level;
    if (client_count == CLIENTS_MAX) fail("more than %d clients", CLIENTS_MAX);
    snprintf(name, sizeof name, "%s-%d", prefix + strlen(prefix) - 8, number++);
    check("create", MQTTClient_createWithOptions(&client, url, identifier ? identifier : name,
                                                 MQTTCLIENT_PERSISTENCE_NONE, NULL, &create));
    clients[client_count++] = client;
    options.MQTTVersion = level;
    options.connectTimeout = DEADLINE_MS / 1000;
    options.reliable = 0;
    if (level == MQTTVERSION_5) options.cleanstart = clean;
    else options.cleansession = clean;
    if (will_topic) {
        will.topicName = will_topic;
        will.message = "gone";
        will.qos = 1;
        options.will = &will;
    }
    if (strcmp(transport, "tls") == 0 || strcmp(transport, "wss") == 0) {
        ssl.trustStore = authority;
        ssl.verify = 1;
        options.ssl = &ssl;
    }
    if (level == MQTTVERSION_5) {
        MQTTProperties properties = MQTTProperties_initializer;
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = clean ? 0 : 300};
        MQTTProperties_add(&properties, &expiry);
        MQTTResponse response = MQTTClient_connect5(client, &options, &properties, NULL);
        MQTTProperties_free(&properties);
        int code = response.reasonCode;
        if (session_present) *session_present = options.returned.sessionPresent;
        MQTTResponse_free(response);
        check("connect", code);
    } else {
        check("connect", MQTTClient_connect(client, &options));
        if (session_present) *session_present = options.returned.sessionPresent;
    }
    return client;
}

static MQTTClient open_any(void) { return open_client(NULL, 1, NULL, NULL); }

static void close_client(MQTTClient client) {
    check("disconnect", MQTTClient_disconnect5(client, 1000, MQTTREASONCODE_SUCCESS, none()));
}

static void subscribe(MQTTClient client, const char *filter, int qos) {
    if (level == MQTTVERSION_5) {
        MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
        MQTTResponse response = MQTTClient_subscribe5(client, filter, qos, &options, none());
        int code = response.reasonCode;
        MQTTResponse_free(response);
        if (code != qos) fail("SUBACK: %d", code);
    } else {
        check("subscribe", MQTTClient_subscribe(client, filter, qos));
    }
}

/* Publishes and waits for the acknowledgement that the QoS has. */
static void publish(MQTTClient client, const char *topic, const char *payload, int qos, int retained) {
    MQTTClient_deliveryToken token;
    if (level == MQTTVERSION_5) {
        MQTTResponse response =
            MQTTClient_publish5(client, topic, (int)strlen(payload), payload, qos, retained, none(), &token);
        int code = response.reasonCode;
        MQTTResponse_free(response);
        check("publish", code);
    } else {
        check("publish", MQTTClient_publish(client, topic, (int)strlen(payload), payload, qos, retained, &token));
    }
    if (qos > 0) check("acknowledgement", MQTTClient_waitForCompletion(client, token, DEADLINE_MS));
}

/* The next message has to be this one; QoS or RETAIN below 0 may be any. Returns the payload as a number. */
static int expect(MQTTClient client, const char *payload, int qos, int retained) {
    char *topic = NULL, text[TEXT_MAX];
    int topic_length = 0;
    MQTTClient_message *message = NULL;
    int code = MQTTCLIENT_SUCCESS;
    /* Over WebSocket, 1.3.12 waits for its socket while packets wait in its buffer: any answer of the broker wakes it. */
    int slice = transport[0] == 'w' ? NUDGE_MS : DEADLINE_MS;
    for (int waited = 0; code == MQTTCLIENT_SUCCESS && message == NULL && waited < DEADLINE_MS; waited += slice) {
        if (waited > 0) subscribe(client, prefix, 0);
        code = MQTTClient_receive(client, &topic, &topic_length, &message, slice);
    }
    if (code != MQTTCLIENT_SUCCESS || message == NULL) fail("no message: %d", code);
    snprintf(text, sizeof text, "%.*s", message->payloadlen, (char *)message->payload);
    int message_qos = message->qos, message_retained = message->retained;
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
    if ((payload && strcmp(text, payload) != 0) || (qos >= 0 && message_qos != qos) ||
        (retained >= 0 && message_retained != retained))
        fail("got \"%s\" with QoS %d, RETAIN %d", text, message_qos, message_retained);
    return atoi(text);
}

static const char *decimal(int value) {
    static char text[16];
    snprintf(text, sizeof text, "%d", value);
    return text;
}

static void quality(const char *topic, int qos) {
    MQTTClient subscriber = open_any(), publisher = open_any();
    subscribe(subscriber, topic, qos);
    for (int i = 0; i < 10; i++) publish(publisher, topic, decimal(i), qos, 0);
    for (int i = 0; i < 10; i++) expect(subscriber, decimal(i), qos, 0);
}

static void qos0(const char *topic) { quality(topic, 0); }
static void qos1(const char *topic) { quality(topic, 1); }
static void qos2(const char *topic) { quality(topic, 2); }

static void retained(const char *topic) {
    MQTTClient publisher = open_any();
    publish(publisher, topic, "old", 1, 1);
    MQTTClient late = open_any();
    subscribe(late, topic, 1);
    expect(late, "old", 1, 1);
    publish(publisher, topic, "", 1, 1);
    MQTTClient later = open_any();
    subscribe(later, topic, 1);
    publish(publisher, topic, "new", 1, 0);
    expect(later, "new", 1, 0);
}

/* The client with the will is a process of its own, which ends without DISCONNECT. */
static void will(const char *topic) {
    MQTTClient watcher = open_any();
    subscribe(watcher, topic, 1);
    setenv("WILL_TOPIC", topic, 1);
    pid_t victim = fork();
    if (victim == 0) {
        execl("/proc/self/exe", "paho_c", level == 3 ? "3.1" : level == 4 ? "3.1.1" : "5", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    unsetenv("WILL_TOPIC");
    if (victim < 0 || waitpid(victim, &status, 0) < 0 || status != 0) fail("the victim ended with %d", status);
    expect(watcher, "gone", 1, 0);
}

static void session(const char *topic) {
    char identifier[64];
    int present = 1;
    snprintf(identifier, sizeof identifier, "%s-kept%d", prefix + strlen(prefix) - 8, level);
    MQTTClient first = open_client(identifier, 0, NULL, &present);
    if (present) fail("a new session is present");
    subscribe(first, topic, 1);
    close_client(first);
    MQTTClient publisher = open_any();
    for (int i = 0; i < 3; i++) publish(publisher, topic, decimal(i), 1, 0);
    MQTTClient second = open_client(identifier, 0, NULL, &present);
    /* MQTT 3.1 has no Session Present, and MQTTClient 1.3.12 tells that of 3.1.1 alone. */
    if (level == MQTTVERSION_3_1_1 && !present) fail("the session is not present");
    for (int i = 0; i < 3; i++) expect(second, decimal(i), 1, 0);
    close_client(second);
    close_client(open_client(identifier, 1, NULL, NULL));
}

static void shared(const char *topic) {
    char filter[TEXT_MAX];
    int seen[20] = {0};
    MQTTClient members[2] = {open_any(), open_any()}, publisher = open_any();
    snprintf(filter, sizeof filter, "$share/group/%s", topic);
    for (int i = 0; i < 2; i++) subscribe(members[i], filter, 1);
    for (int i = 0; i < 20; i++) publish(publisher, topic, decimal(i), 1, 0);
    for (int i = 0; i < 20; i++) {
        int value = expect(members[i % 2], NULL, 1, 0);
        if (value < 0 || value >= 20 || seen[value]++) fail("%d came twice", value);
    }
}

static void close_all(void) {
    while (client_count > 0) {
        MQTTClient *client = &clients[--client_count];
        if (MQTTClient_isConnected(*client)) MQTTClient_disconnect5(*client, 1000, MQTTREASONCODE_SUCCESS, none());
        MQTTClient_destroy(client);
    }
}

static void set_version(const char *version) {
    level = strcmp(version, "5") == 0 ? MQTTVERSION_5 : strcmp(version, "3.1") == 0 ? MQTTVERSION_3_1 : MQTTVERSION_3_1_1;
}

static void run(const char *version, const char *capability, void (*scenario)(const char *)) {
    char topic[TEXT_MAX];
    snprintf(topic, sizeof topic, "%s/%s/%s", prefix, version, capability);
    if (setjmp(failed) == 0) {
        scenario(topic);
        printf("%s\t%s\tpass\t\n", version, capability);
    } else {
        printf("%s\t%s\tfail\t%s\n", version, capability, failure);
    }
    fflush(stdout);
    close_all();
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*scenario)(const char *);
    } capabilities[] = {{"qos0", qos0}, {"qos1", qos1}, {"qos2", qos2}, {"retained", retained},
                        {"will", will}, {"session", session}, {"shared", shared}};
    MQTTClient_init_options init = MQTTClient_init_options_initializer;
    init.do_openssl_init = 1;
    MQTTClient_global_init(&init);
    prefix = getenv("PREFIX");
    authority = getenv("AUTHORITY");
    transport = getenv("TRANSPORT");
    const char *scheme = strcmp(transport, "tcp") == 0 ? "tcp" : strcmp(transport, "tls") == 0 ? "ssl" : transport;
    snprintf(url, sizeof url, "%s://%s:%s%s", scheme, getenv("HOST"), getenv("PORT"), transport[0] == 'w' ? "/mqtt" : "");
    if (count == 2) {
        set_version(arguments[1]);
        if (setjmp(failed) == 0) {
            char name[32];
            snprintf(name, sizeof name, "victim-%d", (int)getpid());
            open_client(name, 1, getenv("WILL_TOPIC"), NULL);
            _exit(0);
        }
        fprintf(stderr, "victim: %s\n", failure);
        _exit(1);
    }
    for (MQTTClient_nameValue *info = MQTTClient_getVersionInfo(); info->name; info++)
        if (strcmp(info->name, "Version") == 0) printf("client\tPaho C\t%s\n", info->value);
    char *versions = strdup(getenv("VERSIONS"));
    for (char *version = strtok(versions, " "); version; version = strtok(NULL, " ")) {
        set_version(version);
        for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
            run(version, capabilities[i].name, capabilities[i].scenario);
    }
    free(versions);
    return 0;
}
