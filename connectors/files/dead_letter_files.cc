#include "connectors/files/dead_letter_files.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "connectors/files/byte_stream.h"
#include "formats/base64.h"
#include "formats/json_value.h"

namespace systole {
namespace {

constexpr std::string_view dead_letter_part_prefix = "part-";

struct entry_place {
  std::string part;
  uint64_t offset = 0;
  std::string text() const { return part + ":" + std::to_string(offset); }
};

result<entry_place> parse_place(const std::string& id) {
  entry_place made;
  const size_t colon = id.rfind(':');
  if (colon != id.npos) {
    made.part = id.substr(0, colon);
    const char* const end = id.data() + id.size();
    const auto [last, error] = std::from_chars(id.data() + colon + 1, end, made.offset);
    const bool is_name = made.part.starts_with(dead_letter_part_prefix) && made.part.find('/') == made.part.npos;
    if (error == std::errc() && last == end && is_name) return made;
  }
  return fail(error_code::invalid_argument, "this is no entry of a dead letter; one is called PART:BYTE");
}

/// Lines of one part, with where each begins.
class part_lines {
 public:
  static result<part_lines> open(file_system& files, const std::string& folder, const std::string& part,
                                 uint64_t from) {
    const std::string path = folder + "/" + part;
    SYSTOLE_ASSIGN(auto opened, files.open(path));
    std::shared_ptr<readable_file> file = std::move(opened);
    SYSTOLE_ASSIGN(const file_packing packing, packing_of(*file));
    SYSTOLE_ASSIGN(auto stream, open_byte_stream(std::move(file), packing, path));
    SYSTOLE_TRY(stream->seek(from));
    return part_lines(std::move(stream), from);
  }

  struct line {
    uint64_t offset = 0;
    std::string text;       ///< without its end
    bool too_long = false;  ///< `text` is not all of it
    bool at_end = false;    ///< there is no further line
  };
  result<line> next() {
    line made;
    made.offset = offset_;
    while (true) {
      const size_t end = buffer_.find('\n', at_);
      const std::string_view more = std::string_view(buffer_).substr(at_, end == buffer_.npos ? end : end - at_);
      if (made.text.size() + more.size() > limits::dead_letter_line_bytes) made.too_long = true;
      if (!made.too_long) made.text += more;
      offset_ += more.size();
      if (end != buffer_.npos) {
        at_ = end + 1;
        ++offset_;
        return made;
      }
      buffer_.resize(limits::source_window_bytes);
      at_ = 0;
      SYSTOLE_ASSIGN(const size_t got, stream_->read(buffer_.data(), buffer_.size()));
      buffer_.resize(got);
      if (got > 0) continue;
      made.at_end = true;  // a published part ends with a line's end: what is behind it is no line
      return made;
    }
  }
  uint64_t offset() const { return offset_; }

 private:
  part_lines(std::unique_ptr<byte_stream> stream, uint64_t from) : stream_(std::move(stream)), offset_(from) {}

  std::unique_ptr<byte_stream> stream_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t offset_;
};

/// Collects a page over parts.
class page_reader {
 public:
  page_reader(file_system& files, const std::string& folder, const dead_letter_query& query)
      : files_(files), folder_(folder), query_(query) {}

  /// True where the page is full.
  result<bool> read(const std::string& part, std::optional<uint64_t> behind) {
    SYSTOLE_ASSIGN(part_lines lines, part_lines::open(files_, folder_, part, behind.value_or(0)));
    if (behind) {
      SYSTOLE_ASSIGN(const part_lines::line skipped, lines.next());
      if (skipped.at_end) return false;
    }
    while (true) {
      SYSTOLE_ASSIGN(part_lines::line line, lines.next());
      if (line.at_end) return false;
      if (is_full()) {
        page_.next = last_;
        return true;
      }
      last_ = entry_place{part, line.offset}.text();
      scanned_ += lines.offset() - line.offset;
      if (line.too_long)
        return fail(error_code::limit_exceeded, "entry " + last_ + " has more than " +
                                                    std::to_string(limits::dead_letter_line_bytes) +
                                                    " bytes: look at the file; to go on, ask for what is after it");
      auto entry = parse_dead_letter(line.text);
      if (!entry)
        return fail(error_code::corrupt,
                    "entry " + last_ + ": " + entry.error().message + "; to go on, ask for what is after it");
      if (!query_.step.empty() && entry->step != query_.step) continue;
      if (!query_.rule.empty() && entry->rule != query_.rule) continue;
      taken_ += line.text.size();
      entry->id = last_;
      page_.entries.push_back(std::move(*entry));
    }
  }
  dead_letter_page take() { return std::move(page_); }

 private:
  bool is_full() const {
    return page_.entries.size() >= query_.most || taken_ >= limits::dead_letter_page_bytes ||
           scanned_ >= limits::dead_letter_scan_bytes;
  }

  file_system& files_;
  const std::string& folder_;
  const dead_letter_query& query_;
  dead_letter_page page_;
  std::string last_;  ///< the id of the last line that was looked at
  uint64_t taken_ = 0, scanned_ = 0;
};

std::string text_in(const json_value& object, std::string_view name) {
  const json_value* const found = object.find(name);
  return found && found->text() ? *found->text() : std::string();
}

std::optional<int64_t> number_in(const json_value& object, std::string_view name) {
  const json_value* const found = object.find(name);
  return found && found->integer() ? std::optional(*found->integer()) : std::nullopt;
}

}  // namespace

result<dead_letter_entry> parse_dead_letter(std::string_view line) {
  const auto read = json_value::parse(line);
  if (!read || !read->members()) return fail(error_code::corrupt, "the line is no JSON object");
  dead_letter_entry made;
  made.step = text_in(*read, "step");
  made.rule = text_in(*read, "rule");
  if (made.step.empty() || !read->find("raw")) return fail(error_code::corrupt, "the line is no dead letter's");
  made.sqlstate = text_in(*read, "sqlstate");
  made.topic = text_in(*read, "topic");
  made.partition = number_in(*read, "partition");
  made.offset = number_in(*read, "offset");
  made.reason = text_in(*read, "reason");
  made.event_time = text_in(*read, "event_time");
  if (const json_value* const raw = read->find("raw"); raw->text()) made.raw = *raw->text();
  if (const json_value* const packed = read->find("raw_base64"); packed && packed->text()) {
    made.raw = from_base64(*packed->text());
    if (!made.raw) return fail(error_code::corrupt, "the line's raw_base64 is no base64");
  }
  return made;
}

result<dead_letter_page> read_dead_letter_files(file_system& files, const std::string& folder,
                                                const dead_letter_query& query) {
  entry_place after;
  if (!query.after.empty()) {
    SYSTOLE_ASSIGN(after, parse_place(query.after));
  }
  SYSTOLE_ASSIGN(const bool is_there, files.exists(folder));
  if (!is_there) return dead_letter_page();
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files.list(folder));
  page_reader page(files, folder, query);
  for (const std::string& name : names) {
    if (!name.starts_with(dead_letter_part_prefix) || name < after.part) continue;
    SYSTOLE_ASSIGN(const bool is_full,
                   page.read(name, name == after.part ? std::optional(after.offset) : std::nullopt));
    if (is_full) break;
  }
  return page.take();
}

}  // namespace systole
