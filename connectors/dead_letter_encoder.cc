#include "connectors/dead_letter_encoder.h"

#include "connectors/factory.h"
#include "formats/base64.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

/// The envelope without raw is written by the JSON encoder; raw takes its closing brace's place.
class dead_letter_encoder final : public record_encoder {
 public:
  dead_letter_encoder() {
    schema envelope = dead_letter_schema();
    envelope.fields.pop_back();
    envelope_ = make_json_encoder(envelope);
  }

  void encode_some(const batch& rows, size_t first, size_t count, encode_buffer& out, std::vector<size_t>* row_ends) override {
    const std::vector<column_ptr> envelope(rows.columns().begin(), rows.columns().end() - 1);
    const column& raws = *rows.columns().back();
    const batch without_raw(rows.rows(), envelope);
    lines_.clear();
    line_ends_.clear();
    envelope_->encode_some(without_raw, first, count, lines_, &line_ends_);
    for (size_t i = 0; i < count; ++i) {
      const size_t begin = i ? line_ends_[i - 1] : 0;
      out.append(lines_.view().substr(begin, line_ends_[i] - begin - 2));
      write_raw(raws, first + i, out);
      out.append("}\n");
      if (row_ends) row_ends->push_back(out.size());
    }
  }

 private:
  static void write_raw(const column& raws, size_t row, encode_buffer& out) {
    if (raws.is_null(row)) return out.append(",\"raw\":null");
    const std::string_view raw = raws.text(row);
    if (is_utf8(raw)) {
      out.append(",\"raw\":");
      return out.advance(write_json_string(out.reserve(6 * raw.size() + 32), raw));
    }
    out.append(",\"raw\":null,\"raw_base64\":\"");
    out.advance(write_base64(out.reserve(base64_bytes(raw.size())), raw));
    out.append("\"");
  }
  std::unique_ptr<record_encoder> envelope_;
  encode_buffer lines_;
  std::vector<size_t> line_ends_;
};

}  // namespace

std::unique_ptr<record_encoder> make_dead_letter_encoder() { return std::make_unique<dead_letter_encoder>(); }

result<void> check_dead_letter_columns(const schema& columns) {
  const schema& wanted = dead_letter_schema();
  bool same = columns.fields.size() == wanted.fields.size();
  for (size_t i = 0; same && i < wanted.fields.size(); ++i)
    same = columns.fields[i].name == wanted.fields[i].name && columns.fields[i].type == wanted.fields[i].type;
  if (same) return {};
  return fail(error_code::invalid_argument, "a dead-letter sink takes the dead letter's columns only");
}

const schema& dead_letter_schema() {
  static const schema columns{{{"job", {type_id::text}},
                               {"step", {type_id::text}},
                               {"rule", {type_id::text}},
                               {"reason", {type_id::text}},
                               {"sqlstate", {type_id::text}},
                               {"event_time", {type_id::timestamptz}},
                               {"topic", {type_id::text}},
                               {"partition", {type_id::int32}},
                               {"offset", {type_id::int64}},
                               {"raw", {type_id::bytea}}}};
  return columns;
}

}  // namespace systole
