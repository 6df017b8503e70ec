#include "connectors/counting_sink.h"

#include <fmt/format.h>
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "connectors/outbox/file_part.h"
#include "connectors/outbox/sink_fence.h"
#include "formats/record_encoder.h"
#include "formats/value_text.h"

namespace systole {
namespace {

/// What a shard has seen since the job began; its checkpoint and its committable are the same.
struct totals {
  uint64_t changes = 0;   ///< rows that came, retractions too
  int64_t rows = 0;       ///< those that count: retractions taken off
  uint64_t checksum = 0;

  void add(const totals& other) {
    changes += other.changes;
    rows += other.rows;
    checksum += other.checksum;
  }
};

constexpr uint8_t totals_version = 1;

std::string encode(const totals& from) {
  std::string out;
  append_fixed(out, totals_version);
  append_fixed(out, from.changes);
  append_fixed(out, from.rows);
  append_fixed(out, from.checksum);
  return out;
}

result<totals> decode(std::string_view bytes) {
  byte_reader in(bytes);
  const auto version = in.fixed<uint8_t>();
  totals made{in.fixed<uint64_t>(), in.fixed<int64_t>(), in.fixed<uint64_t>()};
  if (!in.ok() || version != totals_version) return fail(error_code::incompatible, "a counting sink's state cannot be read");
  return made;
}

/// The definition's canonical text of a value.
void append_canonical(std::string& out, const column& values, size_t row) {
  if (values.is_null(row)) return;
  char text[longest_value_text];
  char* end = text;
  switch (values.type().id) {
    case type_id::text: case type_id::bytea: out += values.text(row); return;
    case type_id::boolean: out += values.values<uint8_t>()[row] ? "true" : "false"; return;
    case type_id::int32: end = write_integer(text, values.values<int32_t>()[row]); break;
    case type_id::int64: case type_id::timestamptz: case type_id::timestamp:
      end = write_integer(text, values.values<int64_t>()[row]);
      break;
    case type_id::float64: end = write_double(text, values.values<double>()[row]); break;
    case type_id::numeric: end = write_decimal(text, {values.values<int128>()[row], values.scale(row)}); break;
    case type_id::date: end = write_date(text, values.values<int32_t>()[row]); break;
    case type_id::interval: case type_id::null: return;
  }
  out.append(text, static_cast<size_t>(end - text));
}

/// The first eight bytes, big-endian, of a row's SHA-256. OpenSSL's newer interface allocates for each digest, which costs
/// as much again as a row's digest itself; the older one works on the stack.
uint64_t row_checksum(std::string_view row) {
  SHA256_CTX context;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Init(&context);
  SHA256_Update(&context, row.data(), row.size());
  SHA256_Final(digest, &context);
  uint64_t first;
  std::memcpy(&first, digest, sizeof first);
  return __builtin_bswap64(first);
}

class counting_writer final : public sink_writer {
 public:
  explicit counting_writer(bool checksums) : checksums_(checksums) {}

  result<void> write(const batch& rows) override {
    seen_.changes += rows.rows();
    const bool changelog = rows.has(hidden::kind);
    if (!changelog && !checksums_) {
      seen_.rows += static_cast<int64_t>(rows.rows());
      return {};
    }
    for (size_t row = 0; row < rows.rows(); ++row) {
      const int by = sign(rows.kind(row));
      seen_.rows += by;
      if (checksums_) add_checksum(rows, row, by);
    }
    return {};
  }
  result<sealed_epoch> seal(epoch_id, bool) override { return sealed_epoch{encode(seen_), {}}; }
  result<void> make_durable(epoch_id) override { return {}; }
  std::string snapshot() override { return encode(seen_); }
  result<void> restore(std::string_view bytes) override {
    if (bytes.empty()) return {};
    SYSTOLE_ASSIGN(const totals before, decode(bytes));
    seen_.add(before);
    return {};
  }

 private:
  void add_checksum(const batch& rows, size_t row, int by) {
    text_.clear();
    for (size_t c = 0; c < rows.columns().size(); ++c) {
      if (c) text_ += ',';
      append_canonical(text_, rows.at(c), row);
    }
    const uint64_t sum = row_checksum(text_);
    seen_.checksum += by > 0 ? sum : ~sum + 1;
  }
  bool checksums_;
  totals seen_;
  std::string text_;
};

/// Gives the result once, with the final epoch.
class counting_committer final : public sink_committer {
 public:
  counting_committer(bool checksums, std::string out, sink_fence fence)
      : checksums_(checksums), out_(std::move(out)), fence_(std::move(fence)) {}
  result<void> recover(epoch_id) override { return fence_.take_over(); }
  result<void> adopt(epoch_id) override { return fence_.take_over(); }
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override {
    if (!epoch.is_final || (!checksums_ && out_.empty())) return {};
    totals all;
    for (const shard_commit& shard : shards) {
      SYSTOLE_ASSIGN(const totals each, decode(shard.committable));
      all.add(each);
    }
    std::string line = fmt::format("{{\"rows\":{},\"changes\":{}", all.rows, all.changes);
    if (checksums_) line += fmt::format(",\"checksum\":\"{:016x}\"", all.checksum);
    line += "}\n";
    if (!out_.empty()) return fence_.replace(out_, line);
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
      return fail(error_code::io, "cannot write to stdout");
    return {};
  }

 private:
  bool checksums_;
  std::string out_;
  sink_fence fence_;
};

class counting_factory final : public sink_factory {
 public:
  counting_factory(bool checksums, std::string out, sink_fence fence)
      : checksums_(checksums), out_(std::move(out)), fence_(std::move(fence)) {}
  bool accepts_changelog() const override { return true; }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<counting_writer>(checksums_));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<counting_committer>(checksums_, out_, fence_));
  }

 private:
  bool checksums_;
  std::string out_;
  sink_fence fence_;
};

std::string out_option(const proto::Sink& sink) {
  const auto found = sink.options().find("out");
  return found == sink.options().end() ? std::string() : found->second;
}

/// Only where there is something to replace.
sink_fence fence_of(const proto::Node& node, const connector_context& context) {
  const bool fenced = !out_option(node.sink()).empty() && !context.outbox_directory.empty();
  return {*context.files, fenced ? outbox_folder_of(context.outbox_directory, node.step()) : std::string(), owner_of(context)};
}

}  // namespace

result<std::unique_ptr<sink_factory>> make_blackhole_sink(const proto::Node& node, const connector_context& context) {
  return std::unique_ptr<sink_factory>(std::make_unique<counting_factory>(false, out_option(node.sink()), fence_of(node, context)));
}

result<std::unique_ptr<sink_factory>> make_collect_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context) {
  for (const field& each : input.columns.fields)
    if (each.type.is(type_id::interval))
      return fail(error_code::invalid_argument, "collect has no canonical text of an interval: " + each.name);
  return std::unique_ptr<sink_factory>(std::make_unique<counting_factory>(true, out_option(node.sink()), fence_of(node, context)));
}

}  // namespace systole
