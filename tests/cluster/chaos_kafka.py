"""What the chaos test needs of Kafka, through the system's librdkafka: topics, a producer, reading a topic whole.

Each call has a limit. A broker that is away is waited for: that is what the test is about."""
import collections
import ctypes
import time

_lib = ctypes.CDLL("librdkafka.so.1")
_PRODUCER, _CONSUMER = 0, 1
_PARTITION_EOF, _TIMED_OUT, _QUEUE_FULL, _TOPIC_EXISTS = -191, -185, -184, 36
_END, _EARLIEST = -1, -2
_COPY = 2


class _Message(ctypes.Structure):
    _fields_ = [("error", ctypes.c_int), ("topic", ctypes.c_void_p), ("partition", ctypes.c_int32),
                ("payload", ctypes.c_void_p), ("length", ctypes.c_size_t), ("key", ctypes.c_void_p),
                ("key_length", ctypes.c_size_t), ("offset", ctypes.c_int64), ("private", ctypes.c_void_p)]


_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Message), ctypes.c_void_p)
_QUIET = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)
_quiet = _QUIET(lambda *_: None)

for _name, _result in {"conf_new": ctypes.c_void_p, "new": ctypes.c_void_p, "topic_new": ctypes.c_void_p, "err2str": ctypes.c_char_p,
                       "NewTopic_new": ctypes.c_void_p, "DeleteTopic_new": ctypes.c_void_p, "queue_new": ctypes.c_void_p, "queue_poll": ctypes.c_void_p,
                       "event_CreateTopics_result": ctypes.c_void_p, "CreateTopics_result_topics": ctypes.c_void_p,
                       "last_error": ctypes.c_int, "consume_queue": ctypes.POINTER(_Message)}.items():
    getattr(_lib, "rd_kafka_" + _name).restype = _result


def _told(error):
    return _lib.rd_kafka_err2str(error).decode()


def _client(kind, settings, report=None):
    text, conf = ctypes.create_string_buffer(512), _lib.rd_kafka_conf_new()
    for key, value in settings.items():
        if _lib.rd_kafka_conf_set(ctypes.c_void_p(conf), key.encode(), str(value).encode(), text, 512) != 0:
            raise ValueError(text.value.decode())
    _lib.rd_kafka_conf_set_log_cb(ctypes.c_void_p(conf), _quiet)
    if report:
        _lib.rd_kafka_conf_set_dr_msg_cb(ctypes.c_void_p(conf), report)
    made = _lib.rd_kafka_new(kind, ctypes.c_void_p(conf), text, 512)
    if not made:
        raise RuntimeError(text.value.decode())
    return ctypes.c_void_p(made)


def create_topics(servers, topics, seconds=60):
    """{name: partitions}; one that is there already is fine."""
    deadline = time.monotonic() + seconds
    client = _client(_PRODUCER, {"bootstrap.servers": servers, "socket.timeout.ms": 5000})
    try:
        for name, partitions in topics.items():
            while True:
                error = _create(client, name, partitions)
                if error in (0, _TOPIC_EXISTS):
                    break
                if time.monotonic() > deadline:
                    raise AssertionError(f"topic {name} cannot be made: {_told(error)}")
                time.sleep(0.2)
    finally:
        _lib.rd_kafka_destroy(client)


def delete_topic(servers, name):
    client = _client(_PRODUCER, {"bootstrap.servers": servers})
    queue, topic = ctypes.c_void_p(_lib.rd_kafka_queue_new(client)), ctypes.c_void_p(_lib.rd_kafka_DeleteTopic_new(name.encode()))
    try:
        _lib.rd_kafka_DeleteTopics(client, (ctypes.c_void_p * 1)(topic), ctypes.c_size_t(1), None, queue)
        event = ctypes.c_void_p(_lib.rd_kafka_queue_poll(queue, 8000))
        error = _lib.rd_kafka_event_error(event) if event else _TIMED_OUT
        if event:
            _lib.rd_kafka_event_destroy(event)
        if error:
            raise AssertionError(f"topic {name} cannot be deleted: {_told(error)}")
    finally:
        _lib.rd_kafka_DeleteTopic_destroy(topic)
        _lib.rd_kafka_queue_destroy(queue)
        _lib.rd_kafka_destroy(client)


def _create(client, name, partitions):
    text = ctypes.create_string_buffer(512)
    topic = ctypes.c_void_p(_lib.rd_kafka_NewTopic_new(name.encode(), partitions, 1, text, ctypes.c_size_t(512)))
    queue = ctypes.c_void_p(_lib.rd_kafka_queue_new(client))
    array = (ctypes.c_void_p * 1)(topic)
    _lib.rd_kafka_CreateTopics(client, array, ctypes.c_size_t(1), None, queue)
    event = ctypes.c_void_p(_lib.rd_kafka_queue_poll(queue, 8000))
    error = _TIMED_OUT
    if event:
        error = _lib.rd_kafka_event_error(event)
        if error == 0:
            count = ctypes.c_size_t()
            results = _lib.rd_kafka_CreateTopics_result_topics(ctypes.c_void_p(_lib.rd_kafka_event_CreateTopics_result(event)),
                                                               ctypes.byref(count))
            first = ctypes.cast(ctypes.c_void_p(results), ctypes.POINTER(ctypes.c_void_p))[0]
            error = _lib.rd_kafka_topic_result_error(ctypes.c_void_p(first))
        _lib.rd_kafka_event_destroy(event)
    _lib.rd_kafka_NewTopic_destroy(topic)
    _lib.rd_kafka_queue_destroy(queue)
    return error


class Producer:
    """Each record is in its partition, however often the broker dies; again where an answer was lost. Not idempotent: that ends
    with a fatal error of the client after some deaths of the broker. But then a request that was refused (by a broker that was frozen
    behind its own death, say) is sent again behind the one that waits beside it, max.in.flight or not: so a partition has few records
    under way, and none is overtaken by more than these."""

    MOST_UNDER_WAY = 50  # of a partition

    def __init__(self, servers, topic):
        self.failed, self.sent, self.delivered = 0, 0, 0
        self._waiting, self._under_way = collections.defaultdict(collections.deque), collections.Counter()
        self._report = _REPORT(self._delivered)  # kept alive
        self._client = _client(_PRODUCER, {"bootstrap.servers": servers, "acks": "all", "max.in.flight": 1, "retries": 1_000_000, "message.timeout.ms": 600_000,
                                           "reconnect.backoff.max.ms": 500, "linger.ms": 5}, self._report)
        self._topic = ctypes.c_void_p(_lib.rd_kafka_topic_new(self._client, topic.encode(), None))

    def _delivered(self, _, message, __):
        self.delivered += 1
        self.failed += message.contents.error != 0
        self._under_way[message.contents.partition] -= 1

    def _launch(self, partition):
        """Gives the client a partition's next records, once those before are there."""
        if self._under_way[partition]:
            return
        waiting = self._waiting[partition]
        while waiting and self._under_way[partition] < self.MOST_UNDER_WAY:
            self._under_way[partition] += 1
            self._produce(partition, waiting.popleft())

    def _poll(self, milliseconds):
        _lib.rd_kafka_poll(self._client, milliseconds)
        for partition in list(self._waiting):
            self._launch(partition)

    def send(self, partition, value):
        self.sent += 1
        self._waiting[partition].append(value)
        self._poll(0)

    def _produce(self, partition, value):
        while _lib.rd_kafka_produce(self._topic, ctypes.c_int32(partition), _COPY, value, ctypes.c_size_t(len(value)), None,
                                    ctypes.c_size_t(0), None) != 0:
            if _lib.rd_kafka_last_error() != _QUEUE_FULL:
                raise AssertionError("cannot produce: " + _told(_lib.rd_kafka_last_error()))
            _lib.rd_kafka_poll(self._client, 100)

    def finish(self, seconds):
        """All that was sent is in the topic; else an AssertionError."""
        deadline = time.monotonic() + seconds
        while self.delivered < self.sent and time.monotonic() < deadline:
            self._poll(20)
        if self.delivered < self.sent or self.failed:
            raise AssertionError(f"{self.delivered} of {self.sent} records were delivered, {self.failed} of them refused")
        _lib.rd_kafka_topic_destroy(self._topic)
        _lib.rd_kafka_destroy(self._client)


def read_topic(servers, topic, partitions, seconds=60):
    """[(partition, key, value)] of all that is committed, up to the high watermark: waits where a transaction hides records."""
    deadline = time.monotonic() + seconds
    ends = _ends(servers, topic, partitions, deadline)
    client = _client(_CONSUMER, {"bootstrap.servers": servers, "group.id": "verifier", "isolation.level": "read_committed",
                                 "enable.auto.commit": "false", "enable.partition.eof": "true", "fetch.wait.max.ms": 50,
                                 "topic.metadata.refresh.fast.interval.ms": 50})
    handle = ctypes.c_void_p(_lib.rd_kafka_topic_new(client, topic.encode(), None))
    queue = ctypes.c_void_p(_lib.rd_kafka_queue_new(client))
    found, open_ = [], {partition for partition in range(partitions) if ends[partition] > 0}
    try:
        for partition in open_:
            _lib.rd_kafka_consume_start_queue(handle, ctypes.c_int32(partition), ctypes.c_int64(_EARLIEST), queue)
        started = list(open_)
        while open_:
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic}: partitions {sorted(open_)} cannot be read to offsets {ends} within {seconds} s")
            message = _lib.rd_kafka_consume_queue(queue, 500)
            if not message:
                continue
            at = message.contents
            if at.error == 0:
                key = ctypes.string_at(at.key, at.key_length) if at.key else None
                found.append((at.partition, key, ctypes.string_at(at.payload, at.length) if at.payload else None))
            elif at.error == _PARTITION_EOF and at.offset >= ends[at.partition]:
                open_.discard(at.partition)
            _lib.rd_kafka_message_destroy(message)
        for partition in started:
            _lib.rd_kafka_consume_stop(handle, ctypes.c_int32(partition))
    finally:
        _lib.rd_kafka_queue_destroy(queue)
        _lib.rd_kafka_topic_destroy(handle)
        _lib.rd_kafka_destroy(client)
    return found


def _ends(servers, topic, partitions, deadline):
    """High watermarks, open transactions' records included."""
    client = _client(_CONSUMER, {"bootstrap.servers": servers, "group.id": "verifier", "isolation.level": "read_uncommitted"})
    try:
        ends = []
        for partition in range(partitions):
            low, high = ctypes.c_int64(), ctypes.c_int64()
            while (error := _lib.rd_kafka_query_watermark_offsets(client, topic.encode(), ctypes.c_int32(partition), ctypes.byref(low),
                                                                  ctypes.byref(high), 5000)) != 0:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{topic}-{partition} does not answer: {_told(error)}")
                time.sleep(0.1)
            ends.append(high.value)
        return ends
    finally:
        _lib.rd_kafka_destroy(client)
