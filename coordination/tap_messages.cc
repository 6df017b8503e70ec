#include "coordination/tap_messages.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "proto/news.pb.h"

namespace systole {
namespace {

constexpr std::string_view order_magic = "TAPS1",
                           news_magic = "TAPPED1";  // 'T' ends a group in Protobuf: no message begins so

void put(const tapped_step& from, proto::TappedStep& to) {
  to.set_job(from.job.value);
  to.set_step(from.step);
}
tapped_step get(const proto::TappedStep& from) { return {job_id(from.job()), from.step()}; }

/// `corrupt` where the bytes behind the magic are no such message.
template <class Message>
result<Message> parsed(std::string_view bytes, std::string_view magic) {
  Message made;
  bytes.remove_prefix(std::min(magic.size(), bytes.size()));
  if (!made.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(error_code::corrupt, "a message about taps has an unknown form");
  return made;
}

}  // namespace

std::string encode(const tap_order& what) {
  proto::TapOrder made;
  made.set_term(what.term.value);
  for (const tapped_step& each : what.steps) put(each, *made.add_steps());
  return std::string(order_magic) + made.SerializeAsString();
}

std::string encode(const tap_news& what) {
  proto::TapNews made;
  made.set_name(what.name);
  for (const tap_sample& each : what.samples) {
    proto::TapSample& sample = *made.add_samples();
    put(each.of, *sample.mutable_of());
    sample.set_passed(each.passed);
    for (const std::string& row : each.rows) sample.add_rows(row);
    sample.set_refused(each.refused);
  }
  return std::string(news_magic) + made.SerializeAsString();
}

bool is_tap_order(std::string_view bytes) { return bytes.starts_with(order_magic); }
bool is_tap_news(std::string_view bytes) { return bytes.starts_with(news_magic); }

result<tap_order> decode_tap_order(std::string_view bytes) {
  SYSTOLE_ASSIGN(const auto from, parsed<proto::TapOrder>(bytes, order_magic));
  tap_order made;
  made.term = term_id(from.term());
  for (const proto::TappedStep& each : from.steps()) {
    if (made.steps.size() == limits::taps) break;
    made.steps.push_back(get(each));
  }
  return made;
}

result<tap_news> decode_tap_news(std::string_view bytes) {
  SYSTOLE_ASSIGN(const auto from, parsed<proto::TapNews>(bytes, news_magic));
  tap_news made;
  made.name = from.name();
  size_t rows = 0;
  for (const proto::TapSample& each : from.samples()) {
    tap_sample& sample = made.samples.emplace_back();
    sample.of = get(each.of());
    sample.passed = each.passed();
    sample.refused = each.refused();
    for (const std::string& row : each.rows())
      if (row.size() <= limits::tap_row_bytes && ++rows <= limits::tap_message_rows) sample.rows.push_back(row);
  }
  return made;
}

}  // namespace systole
