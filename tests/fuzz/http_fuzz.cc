// What a peer sends that is not left to Beast: targets, URLs, event streams, and JSON bodies as trees.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/json_value.h"
#include "http/event_reader.h"
#include "http/target.h"

namespace {

using namespace systole;

void check(bool holds) {
  if (!holds) std::abort();
}

/// What was read is the same after it is written and read again.
void check_json(std::string_view text) {
  const auto read = json_value::parse(text);
  if (!read) return;
  json_text once;
  read->write(once);
  const std::string written = once.take();
  const auto again = json_value::parse(written);
  check(again.has_value());
  json_text twice;
  again->write(twice);
  check(twice.take() == written);
}

/// Events do not hang on how the bytes are cut.
void check_events(std::string_view bytes, size_t piece) {
  const auto all = [&](size_t step) {
    std::vector<std::string> events;
    event_reader reader(1000);
    for (size_t at = 0; at < bytes.size(); at += step) {
      const auto more = reader.take(bytes.substr(at, step), [&](std::string_view name, std::string_view data) {
        events.push_back(std::string(name) + "\n" + std::string(data));
        return true;
      });
      if (!more) break;
    }
    return events;
  };
  check(all(piece) == all(bytes.size() + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto target = parse_target(text)) {
    const auto again = parse_target("/" + percent_encoded(target->path.substr(1)));
    check(again && again->path == target->path);
  }
  if (const auto url = parse_url(text)) check(url->port > 0 && !url->host.empty());
  check_events(text, 1 + data[0] % 16);
  check_json(text);
  return 0;
}
