#pragma once

#include <cstddef>
#include <cstdint>

/// Every limit that is not a field of the manifest. A limit that is reached is an error that names it,
/// or back pressure; never a crash and never a silent cut.
namespace systole::limits {

inline constexpr size_t kibibyte = 1024;
inline constexpr size_t mebibyte = 1024 * kibibyte;

// Manifest.
inline constexpr size_t manifest_bytes = 4 * mebibyte;
inline constexpr size_t manifest_depth = 64;
inline constexpr size_t manifest_nodes = 10'000;
inline constexpr size_t manifest_errors = 100;

// Expressions.
inline constexpr size_t expression_bytes = 64 * kibibyte;
inline constexpr size_t expression_nodes = 5'000;
inline constexpr size_t expression_depth = 200;
inline constexpr size_t text_value_bytes = 16 * mebibyte;  ///< The longest TEXT an expression may make.
inline constexpr int numeric_digits = 38;

// Records and batches.
inline constexpr size_t record_bytes = 16 * mebibyte;      ///< The longest line or CSV record.
inline constexpr size_t json_depth = 64;
inline constexpr size_t batch_rows = 4096;
inline constexpr size_t watermark_interval_records = 1024; ///< See docs/decisions on watermarks.
inline constexpr size_t read_chunk_bytes = 1 * mebibyte;
inline constexpr size_t source_window_bytes = 256 * kibibyte;  ///< Read at once: copied, scanned, decoded within a core's cache.
inline constexpr size_t split_chunk_bytes = 8 * mebibyte;

// Exchange: bytes a sender may have outstanding on one channel, and the least worth granting.
inline constexpr size_t channel_credit_bytes = 512 * kibibyte;
inline constexpr size_t channel_credit_grant_bytes = 128 * kibibyte;
inline constexpr size_t frame_bytes = 256 * kibibyte;
inline constexpr size_t link_bytes = 2 * mebibyte;                ///< Under way from one process to another.
inline constexpr size_t link_acknowledge_bytes = 256 * kibibyte;  ///< See actors/wire/transport.h.

// Sinks.
inline constexpr size_t outbox_bytes = 256 * mebibyte;     ///< On disk, per sink shard; see coordination/outbox_gate.h.
inline constexpr size_t outbox_segment_bytes = 16 * mebibyte;  ///< Then the epoch goes on in another one.
inline constexpr size_t outbox_spare_segments = 16;            ///< Committed ones, per sink shard, kept to be written over.
inline constexpr int sqlite_lock_wait_ms = 10'000;         ///< For a SQLite file that another program has locked.
inline constexpr int postgres_connect_ms = 5'000;          ///< For one try to connect.
inline constexpr int postgres_answer_ms = 60'000;          ///< For one statement; a chunk's rows are one statement.
inline constexpr int postgres_lock_wait_ms = 10'000;       ///< For a lock that another session holds; then it is tried again.
inline constexpr int postgres_epoch_lock_wait_ms = 2'000;  ///< For a sink's own row, before the session that has it is ended.
inline constexpr int postgres_commit_wait_ms = 300'000;    ///< For a server that is away while an epoch is committed.
inline constexpr int postgres_recover_wait_ms = 15'000;    ///< The same before an attempt begins; then the attempt is tried again.
inline constexpr int postgres_retry_first_ms = 50;         ///< Between tries; doubles ...
inline constexpr int postgres_retry_most_ms = 2'000;       ///< ... up to this.
inline constexpr int postgres_refresh_least_ms = 1'000;    ///< Between two readings of a table, however often it is notified.
inline constexpr size_t postgres_chunk_rows = 65'536;      ///< Rows that one statement applies.
inline constexpr int kafka_answer_ms = 8'000;              ///< For a broker to do one thing, retries included; below the time an attempt has to end.
inline constexpr int kafka_call_ms = 1'000;                ///< For one call of the client, which is then made again.
inline constexpr int kafka_retry_pause_ms = 20;
inline constexpr size_t kafka_queue_kibibytes = 2 * 1024;  ///< Of records that a broker has not confirmed yet; see kafka_producer.cc.
inline constexpr size_t kafka_queue_records = 100'000;
inline constexpr unsigned kafka_opened_at_once = 16;       ///< Producers that a recovery fences side by side.
inline constexpr int kafka_topic_wait_ms = 10'000;         ///< For a topic that the cluster does not have.
inline constexpr int kafka_refusal_ms = 3'000;             ///< For another broker to let a client in that one has refused.
inline constexpr size_t kafka_prefetch_bytes = 64 * mebibyte;       ///< Fetched ahead of one source reader ...
inline constexpr size_t kafka_least_prefetch_bytes = 1 * mebibyte;  ///< ... of one partition, at least ...
inline constexpr size_t kafka_most_prefetch_bytes = 4 * mebibyte;  ///< ... and at most.
inline constexpr size_t kafka_request_bytes = 4 * mebibyte;         ///< Records that a producer gathers before it sends them.
inline constexpr size_t kafka_answer_bytes = 128 * mebibyte;        ///< One answer of a broker: at least one batch of the topic.
inline constexpr size_t kafka_batch_bytes = 256 * mebibyte;         ///< A batch's records, decompressed.
inline constexpr uint32_t kafka_transaction_ms = 900'000;  ///< The most that brokers allow by default.

// Cluster.
inline constexpr size_t cluster_jobs = 1'000;              ///< Of a cluster, ended ones too.

// Connections.
inline constexpr size_t secret_bytes = 64 * kibibyte;      ///< One file of the secret directory.

// HTTP, both sides.
inline constexpr size_t http_head_bytes = 16 * kibibyte;   ///< Of a request or an answer: its first line and headers.
inline constexpr size_t http_body_bytes = 8 * mebibyte;    ///< Of a request.
inline constexpr size_t http_answer_bytes = 64 * mebibyte; ///< Of an answer, as a client takes it.
inline constexpr size_t http_connections = 256;            ///< Open at a server.
inline constexpr size_t http_answers = 64;                 ///< Requests that a server's handler has not answered yet.
inline constexpr int http_idle_ms = 30'000;                ///< Between requests; of a peer that takes no bytes of ours.
inline constexpr int http_request_ms = 60'000;             ///< For a request to arrive, whole.
inline constexpr int http_linger_ms = 2'000;               ///< For a client to read the last answer before its connection is closed.
inline constexpr size_t http_events_bytes = 1 * mebibyte;  ///< Of server-sent events that a client has not taken.
inline constexpr int http_reuse_ms = 3'000;                ///< A client's connection that was idle for longer is not used again.
inline constexpr int http_event_ping_ms = 10'000;          ///< Between signs of life on a stream of events.

// S3.
inline constexpr size_t s3_connections = 4;                     ///< Of a store, open at once; further requests wait for one.
inline constexpr size_t s3_part_bytes = 8 * mebibyte;           ///< Of a file that is sent or fetched, in memory at once.
inline constexpr uint64_t s3_most_part_bytes = 64 * mebibyte;   ///< Parts of files over 80 GiB are larger: up to this.
inline constexpr uint64_t s3_parts = 10'000;                    ///< Of one upload; the service's limit.
inline constexpr int s3_request_ms = 30'000;                    ///< For one request's answer.
inline constexpr int s3_operation_ms = 60'000;                  ///< For a request with its repetitions ...
inline constexpr int s3_tries = 8;                              ///< ... and their number.
inline constexpr int s3_first_delay_ms = 50;                    ///< Before the first repetition at most, ...
inline constexpr int s3_most_delay_ms = 5'000;                  ///< ... and before later ones, doubling.
inline constexpr size_t s3_listed_keys = 1'000'000;             ///< Under one prefix.
inline constexpr size_t s3_url_bytes = 4 * kibibyte;            ///< Of a checkpoint store's URL.
inline constexpr uint64_t s3_cache_bytes = uint64_t{16} << 30;  ///< On local disk, of files of a store.
inline constexpr size_t s3_cache_in_use = 1'024;                ///< Newest files of a cache, which stay whatever their size.

// Reading a dead letter.
inline constexpr size_t dead_letter_line_bytes = 32 * mebibyte;  ///< One entry, its record escaped.
inline constexpr size_t dead_letter_page_bytes = 4 * mebibyte;   ///< Of one answer: no further entry is taken beyond it ...
inline constexpr size_t dead_letter_scan_bytes = 256 * mebibyte; ///< ... and no further one is looked at beyond this.

// Taps: see docs/decisions/0019. Of one subtask, unless said otherwise.
inline constexpr size_t taps = 8;                              ///< Of a cluster, at once.
inline constexpr uint32_t tap_rows_per_second = 100;           ///< Shown of what a subtask emits.
inline constexpr size_t tap_row_bytes = 64 * kibibyte;         ///< Of a row's texts, and of the row as it is shown.
inline constexpr size_t tap_buffer_bytes = 128 * kibibyte;     ///< Shown and not fetched.
inline constexpr size_t tap_message_bytes = 512 * kibibyte;    ///< What a worker tells at once, of all its subtasks ...
inline constexpr size_t tap_message_rows = 4'000;              ///< ... and in rows.
inline constexpr int tap_fetch_ms = 250;                       ///< Between two such messages.
inline constexpr int tap_renew_ms = 1'000;                     ///< Between a coordinator's orders to its workers, ...
inline constexpr int tap_lease_ms = 5'000;                     ///< ... and how long a worker goes on without one.
inline constexpr uint32_t tap_rows = 10'000;                   ///< That one user may ask for, ...
inline constexpr uint32_t tap_seconds = 3'600;                 ///< ... and for how long.

// Metrics.
inline constexpr size_t metric_rules = 64;            ///< Of one step with a series of their own; see docs/metrics.md.

// The API.
inline constexpr size_t api_tokens = 1'000;                ///< In the file of tokens ...
inline constexpr size_t api_tokens_bytes = 256 * kibibyte; ///< ... and its size.
inline constexpr size_t api_name_bytes = 256;              ///< Names and ids that users give: jobs, requests, holders of tokens.
inline constexpr size_t api_path_bytes = 4 * kibibyte;
inline constexpr size_t submission_files = 100;
inline constexpr size_t submission_parameters = 1'000;

// State.
inline constexpr size_t memory_default_bytes = 512 * mebibyte;
inline constexpr uint32_t max_parallelism_default = 128;
inline constexpr uint32_t max_parallelism = 32'768;
inline constexpr size_t delta_chunk_bytes = 256 * kibibyte;
inline constexpr size_t delta_compact_bytes = 64 * mebibyte;
inline constexpr size_t state_key_bytes = 64 * kibibyte;
inline constexpr size_t state_value_bytes = 64 * mebibyte;

}  // namespace systole::limits
