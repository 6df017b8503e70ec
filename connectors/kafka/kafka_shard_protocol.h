#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "connectors/kafka/kafka_marker.h"

namespace systole {

/// Decides, for one shard of an exactly-once Kafka sink, which call of the producer comes next: from staging an epoch's
/// transaction to the proof that it was committed once. Pure: it asks for an action, the caller performs it and tells how
/// that went (docs/decisions/0007-kafka-sink.md). One thread.
class kafka_shard_protocol {
 public:
  enum class action {
    ask_current,  ///< is this attempt still the job's? answer with on_current()
    open,         ///< destroy the producer if there is one, make a new one, which takes the id over (fences all before)
    read_marker,  ///< read_committed, up to the high watermark; answer with on_marker()
    begin,        ///< begin_transaction
    produce,      ///< the rows and the marker of wanted(); flush; the brokers have confirmed all
    commit,       ///< commit_transaction
    abort,        ///< abort_transaction
    done,         ///< the goal is reached
    stop,         ///< it cannot be: `why()`
  };
  enum class outcome {
    ok,
    retriable,  ///< the same call again
    abortable,  ///< the transaction can only be aborted
    fatal,      ///< the producer is of no use any more; fenced, too
    refused,    ///< the broker will not take the rows, however often: too large, not allowed, no such topic
    expired,    ///< retriable until the caller's deadline
  };
  /// What a shard is to have committed, behind what.
  struct epoch_part {
    kafka_marker marker;
    std::optional<kafka_marker> before;  ///< only `epoch` and, unless empty, `staged` count; nothing: no marker yet
  };
  /// Each switched off only to show that tests notice.
  struct guards {
    bool fence = true;            ///< open takes over the shard's transactional id (the caller obeys)
    bool read_marker = true;      ///< after a commit without a clear answer; off: it is taken for not committed
    bool check_marker = true;     ///< the marker decides; off: rows are replayed whatever it says
    bool ask_current = true;
    bool reopen_after_retry = true;
  };

  kafka_shard_protocol() : kafka_shard_protocol(guards{}) {}
  explicit kafka_shard_protocol(guards with) : guards_(with) {}

  /// Goal: a transaction with these rows and marker, flushed, not committed. What an aborted epoch had staged is aborted.
  void stage(epoch_part wanted);
  /// Goal: the staged transaction is committed, or replayed where it was lost.
  void commit();
  /// Goal: `wanted` is committed, whatever a former process had done. From the outbox where it was not.
  void resolve(epoch_part wanted);
  /// Goal: a producer that fences all before it, and the marker known. Then at() tells it.
  void open();

  action next();
  void on(outcome how);
  void on_current(bool current);
  void on_marker(std::optional<kafka_marker> found);

  const epoch_part& wanted() const { return wanted_; }
  const std::string& why() const { return why_; }
  /// True where stop means that another attempt has taken over.
  bool fenced() const { return fenced_; }
  /// The last committed marker, as far as this shard knows: after open().
  const std::optional<kafka_marker>& at() const { return at_; }
  /// Times that rows were produced again after a commit had been asked for.
  uint64_t replays() const { return replays_; }

 private:
  enum class goal { none, open, stage, commit };
  enum class transaction { none, left_over, begun, staged };
  action decide();
  void lose_producer();
  void give_up(std::string why);
  bool is_wanted(const kafka_marker& found) const;
  bool is_before(const std::optional<kafka_marker>& found) const;
  void check_marker();

  guards guards_;
  goal goal_ = goal::none;
  epoch_part wanted_;
  transaction transaction_ = transaction::none;
  bool opened_ = false;
  bool marker_known_ = false;
  bool marker_checked_ = false;   ///< at_ was compared with what is wanted
  bool asked_ = false;
  bool reached_ = false;
  bool end_retried_ = false;      ///< the commit or abort under way was asked for more than once
  bool reopen_ = false;           ///< so a delayed EndTxn may be on its way, and would hit the next transaction
  bool refused_ = false;          ///< stop, once the transaction is aborted
  bool stopped_ = false;
  bool fenced_ = false;
  action last_ = action::done;
  std::optional<kafka_marker> at_;
  std::string why_;
  uint64_t replays_ = 0;
};

}  // namespace systole
