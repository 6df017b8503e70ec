#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/record_decoder.h"
#include "formats/record_encoder.h"

namespace systole {

/// A decoder's result as text: each row in the CSV encoder's form, each reject as "!offset reason".
struct decoded_text {
  std::vector<std::string> rows;
  std::vector<std::string> rejects;
  std::vector<uint64_t> offsets;
  friend bool operator==(const decoded_text&, const decoded_text&) = default;
};

/// Bytes with the padding that decoders ask for.
inline record_span padded(std::string_view text, bool last = true, uint64_t offset = 0) {
  std::shared_ptr<char[]> bytes(new char[text.size() + decode_padding]());
  if (!text.empty()) std::memcpy(bytes.get(), text.data(), text.size());
  return {bytes.get(), text.size(), bytes, bytes.get() + text.size(), offset, last};
}

inline schema schema_of(const std::vector<decoder_column>& columns) {
  schema made;
  for (const decoder_column& each : columns) made.fields.push_back({each.name, each.type});
  return made;
}

inline void append_decoded(decoded_records taken, const schema& columns, decoded_text& out) {
  const auto encoder = make_csv_encoder(columns);
  encode_buffer text;
  std::vector<size_t> ends;
  encoder->encode(batch(taken.rows, taken.columns), text, &ends);
  for (size_t i = 0; i < ends.size(); ++i) {
    const size_t begin = i ? ends[i - 1] : 0;
    out.rows.emplace_back(text.view().substr(begin, ends[i] - begin - 1));
  }
  out.offsets.insert(out.offsets.end(), taken.offsets.begin(), taken.offsets.end());
  for (const rejected_record& each : taken.rejects)
    out.rejects.push_back("!" + std::to_string(each.offset) + " " + each.reason);
}

/// Decodes a whole text with batches of `batch_rows` and buffers of `buffer_bytes`, as a reader would.
inline decoded_text decode_all(record_decoder& decoder, const std::vector<decoder_column>& columns,
                               std::string_view text, size_t batch_rows = 1024, size_t buffer_bytes = 1 << 20) {
  decoded_text out;
  const schema described = schema_of(columns);
  size_t at = 0, size = std::min(buffer_bytes, text.size());
  decoder.begin_file();
  while (at < text.size()) {
    const bool last = at + size >= text.size();
    const record_span span = padded(text.substr(at, size), last, at);
    const auto used = decoder.decode(span, batch_rows);
    if (!used) {
      out.rejects.push_back("failed: " + used.error().message);
      return out;
    }
    append_decoded(decoder.take(), described, out);
    if (*used == 0) {
      if (last) {
        out.rejects.push_back("the last bytes were not taken");
        return out;
      }
      size += buffer_bytes;
      continue;
    }
    at += *used;
    size = std::min(buffer_bytes, text.size() - at);
  }
  return out;
}

/// The same of lines that are known before (record_span::lines), as a reader of messages has them.
inline decoded_text decode_known_lines(record_decoder& decoder, const std::vector<decoder_column>& columns, const std::string& text,
                                       size_t batch_rows = 1024) {
  decoded_text out;
  record_span span = padded(text);
  const char* const from = span.data;
  std::vector<known_line> lines;
  for (size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size() - 1);
    lines.push_back({static_cast<uint32_t>(end), text.substr(begin, end - begin).find('\\') != std::string::npos});
  }
  decoder.begin_file();
  for (size_t at = 0, done = 0; at < text.size();) {
    while (done < lines.size() && lines[done].end < at) ++done;
    span = {from + at, text.size() - at, span.owner, span.padding, at, true, std::span(lines).subspan(done), from};
    const auto used = decoder.decode(span, batch_rows);
    append_decoded(decoder.take(), schema_of(columns), out);
    if (!used || *used == 0) {
      out.rejects.push_back("not taken");
      return out;
    }
    at += *used;
  }
  return out;
}

}  // namespace systole
