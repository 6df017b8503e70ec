#include "formats/json_decoder.h"

#include <algorithm>

#include "base/limits.h"
#include "formats/field_parser.h"
#include "formats/json_walk.h"

namespace systole {
namespace {

/// Bytes that are indexed at once: their positions stay in the second-level cache until the walk reads them.
constexpr size_t window_bytes = 64 * limits::kibibyte;

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

constexpr std::string_view malformed_text = "22P02", invalid_character = "22021", not_null_violation = "23502",
                           undefined_column = "42703";

}  // namespace

json_decoder::json_decoder(std::vector<decoder_column> columns, const decoder_options& options)
    : described_(std::move(columns)), options_(options), columns_(described_) {
  for (size_t i = 0; i < described_.size(); ++i) keys_.add(described_[i].path, 0, static_cast<uint32_t>(i));
}

result<size_t> json_decoder::decode(const record_span& span, size_t max_records) {
  if (!started_) {
    columns_.start(options_.capacity);
    started_ = true;
  }
  const size_t goal = made_.records + max_records;
  size_t done = 0;
  while (done < span.size && made_.records < goal) {
    const char* const from = span.data + done;
    const size_t left = span.size - done;
    const size_t lines = goal - made_.records;
    scan_lines(from, std::min(left, window_bytes), '\\', lines, lines_);
    if (lines_.ends.empty() && left > window_bytes) scan_lines(from, left, '\\', 1, lines_);
    size_t size;
    if (!lines_.ends.empty()) {
      size = lines_.ends.back() + size_t{1};
    } else if (span.last) {
      size = left;
      lines_.ends.push_back(static_cast<uint32_t>(left));
      lines_.any_marked = true;
      lines_.marked.assign(1, true);
    } else {
      break;
    }
    decode_window(span, done, size);
    done += size;
  }
  if (done && std::find(made_.owners.begin(), made_.owners.end(), span.owner) == made_.owners.end())
    made_.owners.push_back(span.owner);
  return done;
}

void json_decoder::decode_window(const record_span& span, size_t begin, size_t size) {
  const char* const base = span.data + begin;
  const auto verdict = structure_.index(base, size, static_cast<uint32_t>(span.padding - base));
  if (verdict == json_structure::verdict::empty) return;
  if (verdict != json_structure::verdict::ok) return decode_one_by_one(span, begin, size);
  const uint32_t* at = structure_.positions();
  size_t line_begin = begin;
  const size_t known_rejects = made_.rejects.size();
  bool all_are_objects = true;
  for (size_t i = 0; i < lines_.ends.size(); ++i) {
    const size_t line_end = begin + lines_.ends[i];
    all_are_objects &= decode_line(span, base, at, line_begin, line_end, lines_.any_marked && lines_.marked[i]);
    line_begin = line_end + 1;
  }
  if (all_are_objects) return;
  for (size_t i = known_rejects; i < made_.rejects.size(); ++i)
    if (made_.rejects[i].reason.empty()) explain(span, made_.rejects[i]);
}

void json_decoder::decode_one_by_one(const record_span& span, size_t begin, size_t size) {
  (void)size;
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
      ++made_.records;
      reject(span, line_begin, line_end, {}, malformed_text);
    }
    if (!good) explain(span, made_.rejects.back());
    line_begin = line_end + 1;
  }
}

bool json_decoder::decode_line(const record_span& span, const char* base, const uint32_t*& at, size_t begin, size_t end,
                               bool escapes) {
  const auto line_end = static_cast<uint32_t>(span.data + end - base);
  if (*at >= line_end) return true;  // blank
  const uint32_t* const first = at;
  ++made_.records;
  columns_.begin_record();
  json_fault fault;
  bool unknown_key;
  if (escapes) {
    json_walk<true> walk(base, at, columns_, options_.lenient_text, scratch_);
    walk.walk(keys_);
    at = walk.at(), fault = walk.fault(), unknown_key = walk.has_unknown_key();
  } else {
    json_walk<false> walk(base, at, columns_, options_.lenient_text, scratch_);
    walk.walk(keys_);
    at = walk.at(), fault = walk.fault(), unknown_key = walk.has_unknown_key();
  }
  // An object that ends in a later line is none, and so is one with text behind it.
  const bool whole = fault == json_fault::none && at[-1] < line_end && *at >= line_end;
  if (!whole) {
    at = first;
    while (*at < line_end) ++at;
    reject(span, begin, end, {}, malformed_text);
    return false;
  }
  if (options_.strict_types) {
    if (const int wrong = columns_.first_wrong(); wrong >= 0) {
      reject(span, begin, end, "wrong type: " + described_[static_cast<size_t>(wrong)].name, malformed_text);
      return true;
    }
  }
  if (const int missing = columns_.first_missing_required(); missing >= 0) {
    reject(span, begin, end, "null in a not null field: " + described_[static_cast<size_t>(missing)].name,
           not_null_violation);
    return true;
  }
  if (options_.unknown_fields_reject && unknown_key) {
    reject(span, begin, end, "an unknown field", undefined_column);
    return true;
  }
  columns_.end_record();
  made_.offsets.push_back(span.offset + begin);
  if (options_.keep_raw) {
    if (end > begin && span.data[end - 1] == '\r') --end;
    made_.raws.emplace_back(span.data + begin, end - begin);
  }
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
    if (verdict == json_structure::verdict::invalid_utf8) line.sqlstate = invalid_character;
    return;
  }
  columns_.begin_record();
  json_walk<true> walk(base, structure_.positions(), columns_, options_.lenient_text, scratch_);
  walk.walk(keys_);
  const json_fault fault = walk.fault();
  line.reason = fault == json_fault::none ? "malformed JSON: text behind the object" : describe(fault);
  if (fault == json_fault::null_character || fault == json_fault::lone_surrogate) line.sqlstate = invalid_character;
}

void json_decoder::reject(const record_span& span, size_t begin, size_t end, std::string reason,
                          std::string_view sqlstate) {
  if (end > begin && span.data[end - 1] == '\r') --end;
  made_.rejects.push_back({.reason = std::move(reason),
                           .sqlstate = std::string(sqlstate),
                           .offset = span.offset + begin,
                           .raw = std::string_view(span.data + begin, end - begin)});
}

decoded_records json_decoder::take() {
  if (!started_) columns_.start(0);
  made_.rows = columns_.rows();
  made_.columns = columns_.finish(made_.owners);
  started_ = false;
  decoded_records taken = std::move(made_);
  made_ = {};
  return taken;
}

result<std::unique_ptr<record_decoder>> make_json_decoder(std::vector<decoder_column> columns,
                                                          const decoder_options& options) {
  for (const decoder_column& each : columns)
    if (!is_field_type(each.type) || each.path.empty())
      return fail(error_code::invalid_argument,
                  "a JSON field cannot be of type " + to_string(each.type) + ": " + each.name);
  return std::unique_ptr<record_decoder>(std::make_unique<json_decoder>(std::move(columns), options));
}

}  // namespace systole
