#include "http/event_reader.h"

namespace systole {

void event_reader::on_line() {
  std::string_view field = line_;
  const size_t colon = field.find(':');
  std::string_view value = colon == field.npos ? std::string_view() : field.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  field = field.substr(0, colon);
  if (field == "event") name_ = value;
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  line_.clear();
}

result<bool> event_reader::take(std::string_view bytes,
                                const std::function<bool(std::string_view name, std::string_view data)>& on_event) {
  for (const char c : bytes) {
    const bool second_half = c == '\n' && after_return_;
    after_return_ = c == '\r';
    if (second_half) continue;
    if (c != '\n' && c != '\r') {
      line_ += c;
      if (line_.size() + data_.size() > most_bytes_)
        return fail(error_code::limit_exceeded, "an event has more than " + std::to_string(most_bytes_) + " bytes");
      continue;
    }
    if (!line_.empty()) {
      on_line();
      continue;
    }
    if (has_data_ && !on_event(name_.empty() ? "message" : std::string_view(name_), data_)) return false;
    name_.clear();
    data_.clear();
    has_data_ = false;
  }
  return true;
}

}  // namespace systole
