#include "formats/csv_decoder.h"

#include <algorithm>

#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view malformed_csv = "22P04";

bool is_blank_line(std::string_view line) { return trim_field_blanks(line).empty(); }

}  // namespace

csv_decoder::csv_decoder(std::vector<decoder_column> columns, const decoder_options& options)
    : options_(options), batch_(std::move(columns), options) {
  for (const std::string& word : options_.null_words)
    null_word_lengths_ |= uint64_t{1} << std::min<size_t>(word.size(), 63);
  begin_file();
}

void csv_decoder::begin_file() {
  has_header_ = !options_.header;
  at_file_start_ = true;
  if (options_.header) return;
  targets_.assign(batch_.described().size(), {});
  for (size_t i = 0; i < targets_.size(); ++i) targets_[i].columns.push_back(static_cast<uint32_t>(i));
}

result<size_t> csv_decoder::read_header(const record_span& first_bytes) {
  std::string_view bytes(first_bytes.data, first_bytes.size);
  size_t mark = 0;
  if (bytes.starts_with(byte_order_mark)) mark = byte_order_mark.size();
  else if (bytes.size() < byte_order_mark.size() && byte_order_mark.starts_with(bytes) && !first_bytes.last)
    return size_t{0};
  if (!options_.header) {
    at_file_start_ = false;
    return mark;
  }
  size_t at = mark;
  for (;;) {
    const std::string_view rest = bytes.substr(at);
    if (rest.empty() && first_bytes.last) break;  // a file without a header has no records either
    size_t length = 0, consumed = 0;
    const csv_split split = split_csv_record(rest, options_.delimiter, options_.quote, options_.quoted_newlines, true,
                                             fields_, length, consumed);
    const bool whole =
        consumed > 0 && rest[consumed - 1] == '\n' && !(split == csv_split::unclosed_quote && options_.quoted_newlines);
    if (!whole && !first_bytes.last) return size_t{0};
    at += consumed;
    if (is_blank_line(rest.substr(0, length))) continue;
    if (split != csv_split::complete) return fail(error_code::invalid_argument, "the CSV header's quotes do not match");
    SYSTOLE_TRY(take_header());
    break;
  }
  has_header_ = true;
  at_file_start_ = false;
  return at;
}

result<void> csv_decoder::take_header() {
  const std::vector<decoder_column>& described = batch_.described();
  targets_.assign(fields_.size(), {});
  std::vector<bool> found(described.size(), false);
  bool any = described.empty();
  for (size_t i = 0; i < fields_.size(); ++i) {
    scratch_.resize(fields_[i].text.size());
    scratch_.resize(undouble_quotes(fields_[i].text, options_.quote, scratch_.data()));
    const std::string_view name = trim_field_blanks(fields_[i].quoted ? std::string_view(scratch_) : fields_[i].text);
    bool known = false;
    for (size_t c = 0; c < described.size(); ++c) {
      if (described[c].path.back() != name) continue;
      known = true;
      if (found[c])
        return fail(error_code::invalid_argument, "the CSV header names a column twice: " + described[c].name);
      targets_[i].columns.push_back(static_cast<uint32_t>(c));
    }
    for (uint32_t c : targets_[i].columns) found[c] = true;
    any |= known;
    if (!known && options_.unknown_fields_reject)
      return fail(error_code::invalid_argument,
                  "the CSV header has an unknown column, number " + std::to_string(i + 1));
  }
  if (!any)
    return fail(error_code::invalid_argument,
                "the CSV header has none of the columns, among them " + described[0].name);
  return {};
}

result<size_t> csv_decoder::decode(const record_span& span, size_t max_records) {
  batch_.start();
  const size_t goal = batch_.records() + max_records;
  size_t done = 0;
  if (at_file_start_) {
    SYSTOLE_ASSIGN(done, read_header(span));
    if (at_file_start_) return size_t{0};
  }
  const auto keep_owner = [&] {
    if (done) batch_.keep_owner(span);
  };
  while (done < span.size && batch_.records() < goal) {
    const size_t left = span.size - done;
    scan_lines(span.data + done, std::min(left, scan_window_bytes), options_.quote, goal - batch_.records(), lines_);
    if (lines_.ends.empty() && left > scan_window_bytes) scan_lines(span.data + done, left, options_.quote, 1, lines_);
    if (lines_.ends.empty()) {
      if (!span.last) break;
      lines_.ends.push_back(static_cast<uint32_t>(left));
      lines_.any_marked = true;
      lines_.marked.assign(1, true);
    }
    const size_t window = done;
    const size_t window_end = std::min(span.size, window + lines_.ends.back() + 1);
    const bool clean = is_text({span.data + window, window_end - window});
    for (size_t i = 0; i < lines_.ends.size() && batch_.records() < goal; ++i) {
      size_t end = window + lines_.ends[i];
      if (end < done) continue;  // inside of a record that spans lines
      const size_t begin = done;
      csv_split split = csv_split::complete;
      size_t consumed;
      if (!lines_.any_marked || !lines_.marked[i]) {
        consumed = end + 1 - begin;
        if (end > begin && span.data[end - 1] == '\r') --end;
        if (is_blank_line({span.data + begin, end - begin})) {
          done += consumed;
          continue;
        }
        split_plain_csv_line({span.data + begin, end - begin}, options_.delimiter, fields_);
      } else {
        const std::string_view rest(
            span.data + begin, options_.quoted_newlines ? span.size - begin : std::min(end + 1, span.size) - begin);
        size_t length;
        split = split_csv_record(rest, options_.delimiter, options_.quote, options_.quoted_newlines, options_.trim,
                                 fields_, length, consumed);
        const bool whole = consumed > 0 && rest[consumed - 1] == '\n' &&
                           !(split == csv_split::unclosed_quote && options_.quoted_newlines);
        if (!whole && !span.last) {
          keep_owner();
          return done;
        }
        end = begin + length;
        if (is_blank_line(rest.substr(0, length))) {
          done += consumed;
          continue;
        }
      }
      done += std::min(consumed, span.size - done);
      batch_.begin_record();
      if ((!clean || end > window_end) && !is_text({span.data + begin, end - begin}))
        batch_.reject(span, begin, end,
                      is_utf8({span.data + begin, end - begin}) ? "U+0000 in a record" : "invalid UTF-8",
                      pending_batch::invalid_character);
      else if (split == csv_split::unclosed_quote)
        batch_.reject(span, begin, end, "malformed CSV: a quote does not close", malformed_csv);
      else if (split == csv_split::text_behind_quote)
        batch_.reject(span, begin, end, "malformed CSV: text behind a closing quote", malformed_csv);
      else decode_record(span, begin, end);
    }
  }
  keep_owner();
  return done;
}

void csv_decoder::decode_record(const record_span& span, size_t begin, size_t end) {
  if (fields_.size() > targets_.size())
    return batch_.reject(span, begin, end, "malformed CSV: more fields than the header", malformed_csv);
  for (size_t i = 0; i < fields_.size(); ++i)
    for (uint32_t column : targets_[i].columns) set_field(column, fields_[i]);
  if (batch_.has_good_fields(span, begin, end)) batch_.end_record(span, begin, end);
}

void csv_decoder::set_field(uint32_t column, const csv_field& field) {
  std::string_view text = field.text;
  if (options_.trim && !field.quoted) text = trim_field_blanks(text);
  if (is_null_text(text)) return;
  const record_columns::slot& slot = batch_.columns().at(column);
  if (field.doubled) {
    scratch_.resize(text.size());
    scratch_.resize(undouble_quotes(text, options_.quote, scratch_.data()));
    text = scratch_;
    if (slot.type.is(type_id::text) && text.size() > text_view::inline_bytes) {
      char* const bytes = batch_.columns().reserve_text(slot, text.size());
      text.copy(bytes, text.size());
      text = {bytes, text.size()};
    }
  }
  set_from_text(batch_.columns(), slot, text, text_dialect::csv);
}

bool csv_decoder::is_null_text(std::string_view text) const {
  if (text.empty()) return true;
  if (!(null_word_lengths_ >> std::min<size_t>(text.size(), 63) & 1)) return false;
  return std::find(options_.null_words.begin(), options_.null_words.end(), text) != options_.null_words.end();
}

result<std::unique_ptr<record_decoder>> make_csv_decoder(std::vector<decoder_column> columns,
                                                         const decoder_options& options) {
  SYSTOLE_TRY(pending_batch::check_columns(columns, "a CSV field"));
  return std::unique_ptr<record_decoder>(std::make_unique<csv_decoder>(std::move(columns), options));
}

}  // namespace systole
