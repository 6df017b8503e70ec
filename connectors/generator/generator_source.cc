#include "connectors/generator/generator_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/buffer_pool.h"
#include "connectors/generator/generator_settings.h"
#include "connectors/plan_types.h"
#include "connectors/source_rows.h"

namespace systole {
namespace {

constexpr uint32_t generator_state_version = 1;
constexpr const char* topic = "patient-flow";
constexpr std::chrono::microseconds shortest_wait{100};
constexpr std::chrono::microseconds longest_wait{1'000'000};

/// What a snapshot holds besides the generator's own state.
struct progress_of_split {
  uint64_t records = 0;
  uint64_t bytes = 0;                       ///< of all lines given
  timestamp_us newest = watermark_none;     ///< event time among the rows given
  timestamp_us announced = watermark_none;  ///< part of it that the watermark counts
};

std::string encode(const progress_of_split& progress, const std::string& state) {
  std::string out;
  append_fixed(out, generator_state_version);
  append_fixed(out, progress.records);
  append_fixed(out, progress.bytes);
  append_fixed(out, progress.newest);
  append_fixed(out, progress.announced);
  append_bytes(out, state);
  return out;
}

result<void> decode(std::string_view bytes, progress_of_split& progress, patient_flow_generator& generator) {
  byte_reader reader(bytes);
  const auto version = reader.fixed<uint32_t>();
  if (reader.ok() && version != generator_state_version) {
    return fail(error_code::incompatible, "a generator's position has version " + std::to_string(version) +
                                              "; this build reads version " + std::to_string(generator_state_version));
  }
  progress.records = reader.fixed<uint64_t>();
  progress.bytes = reader.fixed<uint64_t>();
  progress.newest = reader.fixed<timestamp_us>();
  progress.announced = reader.fixed<timestamp_us>();
  const std::string_view state = reader.bytes();
  if (!reader.ok() || !reader.at_end()) return fail(error_code::corrupt, "a generator's position is damaged");
  return generator.restore(state);
}

/// The reader of a subtask that has no split.
class finished_reader final : public source_reader {
 public:
  result<source_poll> poll() override {
    source_poll made;
    made.what = source_poll::kind::finished;
    made.watermark = watermark_end;
    return made;
  }
  std::string snapshot() override { return {}; }
};

class generator_reader final : public source_reader {
 public:
  generator_reader(const generator_settings& settings, const connector_context& context,
                   std::shared_ptr<const source_rows> rows, std::unique_ptr<record_decoder> decoder)
      : settings_(settings),
        time_(*context.time),
        batch_rows_(context.batch_rows),
        rows_(std::move(rows)),
        decoder_(std::move(decoder)),
        generator_(settings.options) {}

  result<void> restore(std::string_view bytes) { return decode(bytes, progress_, generator_); }

  /// Starts the pace: what was given before counts as given in time.
  void start() {
    started_ = time_.monotonic();
    first_position_ = generator_.position();
    first_time_us_ = generator_.now_us();
  }

  result<source_poll> poll() override {
    source_poll made;
    if (generator_.finished()) {
      made.what = source_poll::kind::finished;
      made.watermark = watermark_end;
      return made;
    }
    constexpr uint64_t interval = limits::watermark_interval_records;
    size_t wanted = batch_rows_;
    if (rows_->has_watermark()) wanted = std::min<uint64_t>(wanted, interval - progress_.records % interval);
    const std::chrono::duration<double> elapsed = time_.monotonic() - started_;
    wanted = std::min(wanted, allowed_by_rate(elapsed));
    lines_.clear();
    const size_t events = generator_.generate(lines_, wanted, allowed_by_speed(elapsed));
    if (events == 0 && !generator_.finished()) {
      // Run dry: the watermark counts what was given.
      progress_.announced = progress_.newest;
      made.what = source_poll::kind::idle;
      made.wait = wait_after(elapsed);
    } else if (events > 0) {
      SYSTOLE_TRY(fill(events, made));
    }
    made.watermark = watermark();
    return made;
  }

  std::string snapshot() override { return encode(progress_, generator_.save()); }

  /// What it should have given by now, where it has a rate.
  std::optional<uint64_t> lag_records() const override {
    if (settings_.rate <= 0) return std::nullopt;
    const std::chrono::duration<double> elapsed = time_.monotonic() - started_;
    const double behind =
        std::floor(elapsed.count() * settings_.rate) - static_cast<double>(generator_.position() - first_position_);
    return behind > 0 ? static_cast<uint64_t>(behind) : 0;
  }

 private:
  size_t allowed_by_rate(std::chrono::duration<double> elapsed) const {
    if (settings_.rate <= 0) return batch_rows_;
    const double due = std::floor(elapsed.count() * settings_.rate);
    const auto given = static_cast<double>(generator_.position() - first_position_);
    return due > given ? static_cast<size_t>(std::min(due - given, static_cast<double>(batch_rows_))) : 0;
  }

  timestamp_us allowed_by_speed(std::chrono::duration<double> elapsed) const {
    if (settings_.speed <= 0 || settings_.rate > 0) return patient_flow_generator::no_limit;
    constexpr double most_us = 4e18;
    return first_time_us_ + static_cast<timestamp_us>(std::min(most_us, elapsed.count() * settings_.speed * 1e6));
  }

  /// The time to the next event.
  std::chrono::microseconds wait_after(std::chrono::duration<double> elapsed) const {
    double seconds = 0;
    if (settings_.rate > 0) {
      seconds = static_cast<double>(generator_.position() - first_position_ + 1) / settings_.rate - elapsed.count();
    } else {
      seconds = static_cast<double>(generator_.now_us() - first_time_us_) / 1e6 / settings_.speed - elapsed.count();
    }
    const double micros = std::clamp(seconds * 1e6, 0.0, static_cast<double>(longest_wait.count()));
    return std::max(shortest_wait, std::chrono::microseconds(std::llround(std::ceil(micros))));
  }

  /// Decodes lines_ as a file's lines would be.
  result<void> fill(size_t events, source_poll& made) {
    // One size for all buffers of a batch, so that the pool can give them again; no line has more than 1 kB.
    const size_t space = std::max(lines_.size(), batch_rows_ * limits::kibibyte) + decode_padding;
    const std::shared_ptr<char[]> buffer = buffers_.take(space);
    std::memcpy(buffer.get(), lines_.data(), lines_.size());
    std::memset(buffer.get() + lines_.size(), 0, decode_padding);
    const char* const end = buffer.get() + lines_.size();
    size_t at = 0;
    while (at < lines_.size()) {
      const record_span span{buffer.get() + at, lines_.size() - at, buffer, end, progress_.bytes + at, true};
      SYSTOLE_ASSIGN(const size_t used, decoder_->decode(span, events - decoder_->pending_records()));
      if (used == 0) return fail(error_code::internal, "the generator's lines cannot be decoded");
      at += used;
    }
    made.bytes = lines_.size();
    progress_.bytes += lines_.size();
    progress_.records += events;
    SYSTOLE_TRY(rows_->fill(decoder_->take(), {topic, 0}, made, progress_.newest));
    if (progress_.records % limits::watermark_interval_records == 0) progress_.announced = progress_.newest;
    return {};
  }

  timestamp_us watermark() const {
    if (!rows_->has_watermark() || progress_.announced == watermark_none) return watermark_none;
    return progress_.announced - rows_->max_out_of_orderness_us() - 1;
  }

  const generator_settings settings_;
  const clock& time_;
  const size_t batch_rows_;
  std::shared_ptr<const source_rows> rows_;
  std::unique_ptr<record_decoder> decoder_;
  patient_flow_generator generator_;
  buffer_pool buffers_;
  std::string lines_;
  progress_of_split progress_;
  std::chrono::nanoseconds started_{};
  uint64_t first_position_ = 0;
  timestamp_us first_time_us_ = 0;
};

class generator_source_factory final : public source_factory {
 public:
  generator_source_factory(proto::Source source, generator_settings settings, const connector_context& context,
                           std::shared_ptr<const source_rows> rows)
      : source_(std::move(source)), settings_(settings), context_(context), rows_(std::move(rows)) {}

  bool bounded() const override { return settings_.options.count > 0; }

  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override {
    (void)parallelism;
    if (subtask != 0) return std::unique_ptr<source_reader>(std::make_unique<finished_reader>());
    SYSTOLE_ASSIGN(auto decoder, make_decoder(source_, context_.batch_rows));
    auto made = std::make_unique<generator_reader>(settings_, context_, rows_, std::move(decoder));
    for (const std::string& each : restored)
      if (!each.empty()) SYSTOLE_TRY(made->restore(each));
    made->start();
    return std::unique_ptr<source_reader>(std::move(made));
  }

 private:
  const proto::Source source_;
  const generator_settings settings_;
  const connector_context context_;
  std::shared_ptr<const source_rows> rows_;
};

}  // namespace

result<std::unique_ptr<source_factory>> make_generator_source(const proto::Node& node,
                                                              const connector_context& context) {
  proto::Source source = node.source();
  if (source.kind() != proto::Source::GENERATOR) return fail(error_code::internal, "not a generator source");
  SYSTOLE_ASSIGN(const generator_settings settings, read_generator_settings(source.generator()));
  source.mutable_decoder()->set_format(proto::Decoder::JSON);  // what its lines are
  SYSTOLE_ASSIGN(auto rows, source_rows::make(source, context));
  return std::unique_ptr<source_factory>(
      std::make_unique<generator_source_factory>(std::move(source), settings, context, std::move(rows)));
}

}  // namespace systole
