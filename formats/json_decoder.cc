#include "formats/json_decoder.h"

#include <algorithm>

#include "formats/json_walk.h"

namespace systole {
namespace {

std::string_view describe(json_fault fault) {
  switch (fault) {
    case json_fault::none: break;
    case json_fault::not_an_object: return "not a JSON object";
    case json_fault::syntax: return "malformed JSON";
    case json_fault::number: return "malformed JSON: a number";
    case json_fault::literal: return "malformed JSON: a literal";
    case json_fault::escape: return "malformed JSON: an escape in a string";
    case json_fault::null_character: return "U+0000 in a string";
    case json_fault::lone_surrogate: return "a lone surrogate in a string";
    case json_fault::depth: return "nested deeper than limits::json_depth (64)";
  }
  return "malformed JSON";
}

std::string_view describe(json_structure::verdict verdict) {
  switch (verdict) {
    case json_structure::verdict::ok:
    case json_structure::verdict::empty: break;
    case json_structure::verdict::invalid_utf8: return "invalid UTF-8";
    case json_structure::verdict::unclosed_string: return "malformed JSON: a string does not end";
    case json_structure::verdict::control_character: return "malformed JSON: a control character in a string";
  }
  return "malformed JSON";
}

constexpr std::string_view undefined_column = "42703";

/// The end of a line's text, where a carriage return may come before its line end.
size_t text_end(const record_span& span, size_t begin, size_t end) {
  return end > begin && span.data[end - 1] == '\r' ? end - 1 : end;
}

}  // namespace

json_decoder::json_decoder(std::vector<decoder_column> columns, const decoder_options& options)
    : options_(options), batch_(std::move(columns), options) {
  for (size_t i = 0; i < batch_.described().size(); ++i)
    keys_.add(batch_.described()[i].path, 0, static_cast<uint32_t>(i));
}

size_t json_decoder::find_lines(const record_span& span, size_t begin, size_t most) {
  const char* const from = span.data + begin;
  const size_t left = span.size - begin;
  scan_lines(from, std::min(left, scan_window_bytes), '\\', most, lines_);
  if (lines_.ends.empty() && left > scan_window_bytes) scan_lines(from, left, '\\', 1, lines_);
  if (!lines_.ends.empty()) return lines_.ends.back() + size_t{1};
  if (!span.last) return 0;
  lines_.ends.push_back(static_cast<uint32_t>(left));
  lines_.any_marked = true;
  lines_.marked.assign(1, true);
  return left;
}

size_t json_decoder::take_known_lines(const record_span& span, size_t begin, size_t most, size_t& next) {
  lines_.ends.clear();
  lines_.marked.clear();
  lines_.any_marked = false;
  const auto before = static_cast<uint32_t>(span.data + begin - span.lines_from);
  for (; next < span.lines.size() && lines_.ends.size() < most; ++next) {
    const uint32_t end = span.lines[next].end - before;
    if (end >= scan_window_bytes && !lines_.ends.empty()) break;
    const bool escapes = span.lines[next].has_escape;
    if (escapes && !lines_.any_marked) {
      lines_.any_marked = true;
      lines_.marked.assign(lines_.ends.size(), false);
    }
    lines_.ends.push_back(end);
    if (lines_.any_marked) lines_.marked.push_back(escapes);
  }
  return lines_.ends.empty() ? 0 : lines_.ends.back() + size_t{1};
}

result<size_t> json_decoder::decode(const record_span& span, size_t max_records) {
  batch_.start();
  const size_t goal = batch_.records() + max_records;
  size_t done = 0, next = 0;
  while (done < span.size && batch_.records() < goal) {
    const size_t most = goal - batch_.records();
    const size_t size = span.lines.empty() ? find_lines(span, done, most) : take_known_lines(span, done, most, next);
    if (size == 0) break;
    decode_window(span, done, size);
    done += size;
  }
  if (done) batch_.keep_owner(span);
  return done;
}

void json_decoder::decode_window(const record_span& span, size_t begin, size_t size) {
  const char* const base = span.data + begin;
  const auto verdict = structure_.index(base, size, static_cast<uint32_t>(span.padding - base));
  if (verdict == json_structure::verdict::empty) return;
  if (verdict != json_structure::verdict::ok) return decode_one_by_one(span, begin);
  const uint32_t* at = structure_.positions();
  size_t line_begin = begin;
  const size_t known_rejects = batch_.rejects().size();
  bool all_are_objects = true;
  for (size_t i = 0; i < lines_.ends.size(); ++i) {
    const size_t line_end = begin + lines_.ends[i];
    all_are_objects &= decode_line(span, base, at, line_begin, line_end, lines_.any_marked && lines_.marked[i]);
    line_begin = line_end + 1;
  }
  if (all_are_objects) return;
  for (size_t i = known_rejects; i < batch_.rejects().size(); ++i)
    if (batch_.rejects()[i].reason.empty()) explain(span, batch_.rejects()[i]);
}

void json_decoder::decode_one_by_one(const record_span& span, size_t begin) {
  size_t line_begin = begin;
  for (uint32_t end : lines_.ends) {
    const size_t line_end = begin + end;
    const char* const base = span.data + line_begin;
    const auto verdict = structure_.index(base, line_end - line_begin, static_cast<uint32_t>(span.padding - base));
    bool good = verdict == json_structure::verdict::empty;
    if (verdict == json_structure::verdict::ok) {
      const uint32_t* at = structure_.positions();
      good = decode_line(span, base, at, line_begin, line_end, true);
    } else if (!good) {
      batch_.begin_record();
      batch_.reject(span, line_begin, text_end(span, line_begin, line_end), {}, pending_batch::malformed_text);
    }
    if (!good) explain(span, batch_.rejects().back());
    line_begin = line_end + 1;
  }
}

bool json_decoder::decode_line(const record_span& span, const char* base, const uint32_t*& at, size_t begin, size_t end,
                               bool escapes) {
  const auto line_end = static_cast<uint32_t>(span.data + end - base);
  if (*at >= line_end) return true;  // blank
  const uint32_t* const first = at;
  batch_.begin_record();
  json_fault fault;
  bool unknown_key;
  if (escapes) {
    json_walk<true> walk(base, at, batch_.columns(), options_.lenient_text, scratch_);
    walk.walk(keys_);
    at = walk.at(), fault = walk.fault(), unknown_key = walk.has_unknown_key();
  } else {
    json_walk<false> walk(base, at, batch_.columns(), options_.lenient_text, scratch_);
    walk.walk(keys_);
    at = walk.at(), fault = walk.fault(), unknown_key = walk.has_unknown_key();
  }
  // An object that ends in a later line is none, and so is one with text behind it.
  const bool whole = fault == json_fault::none && at[-1] < line_end && *at >= line_end;
  if (!whole) {
    at = first;
    while (*at < line_end) ++at;
    batch_.reject(span, begin, text_end(span, begin, end), {}, pending_batch::malformed_text);
    return false;
  }
  end = text_end(span, begin, end);
  if (!batch_.has_good_fields(span, begin, end)) return true;
  if (options_.unknown_fields_reject && unknown_key)
    batch_.reject(span, begin, end, "an unknown field", undefined_column);
  else batch_.end_record(span, begin, end);
  return true;
}

void json_decoder::explain(const record_span& span, rejected_record& line) {
  const char* const base = line.raw.data();
  const char* const end = base + line.raw.size();
  // The walk stops at the line's end, so that the last token holds nothing of what the buffer has behind it.
  const char* const stop = end < span.data + span.size ? end : span.padding;
  const auto verdict = structure_.index(base, line.raw.size(), static_cast<uint32_t>(stop - base));
  if (verdict != json_structure::verdict::ok) {
    line.reason = describe(verdict);
    if (verdict == json_structure::verdict::invalid_utf8) line.sqlstate = pending_batch::invalid_character;
    return;
  }
  batch_.columns().begin_record();
  json_walk<true> walk(base, structure_.positions(), batch_.columns(), options_.lenient_text, scratch_);
  walk.walk(keys_);
  const json_fault fault = walk.fault();
  line.reason = fault == json_fault::none ? "malformed JSON: text behind the object" : describe(fault);
  if (fault == json_fault::null_character || fault == json_fault::lone_surrogate)
    line.sqlstate = pending_batch::invalid_character;
}

result<std::unique_ptr<record_decoder>> make_json_decoder(std::vector<decoder_column> columns,
                                                          const decoder_options& options) {
  SYSTOLE_TRY(pending_batch::check_columns(columns, "a JSON field"));
  return std::unique_ptr<record_decoder>(std::make_unique<json_decoder>(std::move(columns), options));
}

}  // namespace systole
