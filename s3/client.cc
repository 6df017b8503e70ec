#include "s3/client.h"

#include <algorithm>
#include <thread>

#include "http/target.h"
#include "s3/answer_xml.h"
#include "s3/signature.h"

namespace systole {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Of an error's answer: letters only, whatever the service sends.
std::string error_code_in(const http_response& answer) {
  const auto elements = read_answer_xml(answer.body);
  std::string code = elements ? first_element(*elements, "Code") : std::string();
  const bool sound = code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                     });
  return sound ? code : std::string();
}

bool may_pass(unsigned status) {
  return status == 408 || status == 409 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool keys_may_be_old(const http_response& answer) { return answer.status == 401 || answer.status == 403; }

}  // namespace

s3_client::s3_client(s3_client_options options) : with_(std::move(options)), random_(std::random_device()()) {
  // Between two tries the caller's thread waits, a state writer's as a rule: a bounded backoff, which tests replace.
  if (!with_.pause) with_.pause = [](milliseconds time) { std::this_thread::sleep_for(time); };
  if (const auto url = parse_url(with_.where.endpoint)) host_ = authority_of(*url);
}

std::string s3_client::full_key(const std::string& key) const {
  return with_.where.prefix.empty() ? key : with_.where.prefix + "/" + key;
}

result<s3_credentials> s3_client::keys(bool again) {
  const std::lock_guard lock(mutex_);
  if (!keys_ || again) {
    SYSTOLE_ASSIGN(keys_, with_.credentials());
  }
  return *keys_;
}

http_message s3_client::message_of(const request& wanted, const std::string& payload_sha256,
                                   const s3_credentials& keys) const {
  std::string path = "/";
  if (with_.where.path_style) path += with_.where.bucket + (wanted.key.empty() ? "" : "/");
  if (!wanted.key.empty()) path += full_key(wanted.key);
  const std::string time = s3_time(with_.time->now_us());
  s3_signed_request to_sign{wanted.method, path, wanted.query, wanted.headers, payload_sha256};
  to_sign.headers.emplace_back("x-amz-content-sha256", payload_sha256);
  to_sign.headers.emplace_back("x-amz-date", time);
  if (!keys.session_token.empty()) to_sign.headers.emplace_back("x-amz-security-token", keys.session_token);
  http_message made;
  made.headers = to_sign.headers;
  to_sign.headers.emplace_back("host", host_);
  made.headers.emplace_back("authorization", s3_authorization(to_sign, keys, with_.where.region, time));
  made.method = wanted.method;
  made.target = s3_encoded_path(path);
  if (!wanted.query.empty()) made.target += "?" + s3_encoded_query(wanted.query);
  made.body = wanted.body;
  return made;
}

result<std::unique_ptr<http_client>> s3_client::borrow(steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  if (!freed_.wait_until(lock, until, [&] { return busy_ < limits::s3_connections; }))
    return fail(error_code::unavailable, name_of({}) + ": all connections were in use for too long");
  ++busy_;
  if (!idle_.empty()) {
    std::unique_ptr<http_client> client = std::move(idle_.back());
    idle_.pop_back();
    return client;
  }
  return std::make_unique<http_client>(http_client_options{.url = with_.where.endpoint,
                                                           .certificate_authority = with_.where.certificate_authority,
                                                           .token = {},
                                                           .patience = with_.request_patience});
}

void s3_client::give_back(std::unique_ptr<http_client> client) {
  {
    const std::lock_guard lock(mutex_);
    --busy_;
    if (client) idle_.push_back(std::move(client));
  }
  freed_.notify_one();
}

milliseconds s3_client::delay(int failures) {
  // "Full jitter": anything up to a bound that doubles ("Exponential Backoff and Jitter", AWS Architecture Blog).
  auto most = with_.first_delay;
  for (int i = 1; i < failures && most < with_.most_delay; ++i) most *= 2;
  const std::lock_guard lock(mutex_);
  return milliseconds(random_() % (static_cast<uint64_t>(std::min(most, with_.most_delay).count()) + 1));
}

result<http_response> s3_client::try_once(const request& wanted, const std::string& payload_sha256,
                                          steady_clock::time_point until) {
  for (bool again = false;; again = true) {
    SYSTOLE_ASSIGN(const s3_credentials with, keys(again));
    SYSTOLE_ASSIGN(std::unique_ptr<http_client> client, borrow(until));
    auto answer = client->call(message_of(wanted, payload_sha256, with));
    if (!answer) client.reset();
    give_back(std::move(client));
    if (answer && keys_may_be_old(*answer) && !again) continue;
    return answer;
  }
}

failure s3_client::refused(const request& wanted, const http_response& answer) const {
  const std::string code = error_code_in(answer);
  const std::string what = wanted.method + " " + name_of(wanted.key) + ": the service answered " +
                           std::to_string(answer.status) + (code.empty() ? "" : " " + code);
  if (answer.status == 404 && code != "NoSuchBucket") return fail(error_code::not_found, what);
  if (answer.status == 412) return fail(error_code::already_exists, what);
  if (keys_may_be_old(answer)) {
    const char* advice =
        code == "RequestTimeTooSkewed" ? ": set this machine's clock" : ": check its keys and their rights";
    return fail(accepted_ ? error_code::unavailable : error_code::invalid_argument, what + advice);
  }
  return fail(error_code::invalid_argument, what);
}

failure s3_client::unreached(const request& wanted, const failure& why) const {
  const bool distrusted = why.code == error_code::invalid_argument && with_.where.endpoint.starts_with("https");
  return fail(why.code, wanted.method + " " + name_of(wanted.key) + ": " + why.message +
                            (distrusted ? "; see the endpoint, and caFile for an authority that the system does not know" : ""));
}

/// Why an answer is none to go on with; `passing`: it may be another one next time.
std::optional<failure> s3_client::verdict(const request& wanted, const http_response& answer, bool& passing) const {
  passing = may_pass(answer.status);
  if (answer.status / 100 != 2) {
    if (answer.status == 400 && error_code_in(answer) == "RequestTimeout") passing = true;
    failure why = refused(wanted, answer);
    if (passing) why.code = error_code::unavailable;
    return why;
  }
  if (!wanted.whole_xml) return std::nullopt;
  // The head is sent before the work is done: what went wrong then is in a body behind a 200.
  const auto elements = read_answer_xml(answer.body);
  passing = true;
  if (!elements) return elements.error();
  if (answer.body.find("<Error>") == std::string::npos) return std::nullopt;
  failure why = refused(wanted, answer);
  why.code = error_code::unavailable;
  return why;
}

result<http_response> s3_client::perform(const request& wanted) {
  const auto until = steady_clock::now() + with_.operation_patience;
  const std::string payload_sha256 = sha256_hex(wanted.body);
  for (int failures = 1;; ++failures) {
    auto answer = try_once(wanted, payload_sha256, until);
    bool passing = !answer && answer.error().code == error_code::unavailable;
    std::optional<failure> why;
    if (answer && answer->status / 100 == 2) accepted_ = true;
    if (answer) why = verdict(wanted, *answer, passing);
    else why = unreached(wanted, answer.error());
    if (!why) return answer;
    const milliseconds pause = delay(failures);
    if (!passing || failures >= with_.tries || steady_clock::now() + pause >= until) return *why;
    with_.pause(pause);
  }
}

result<s3_client::piece> s3_client::get(const std::string& key, uint64_t offset, uint64_t length) {
  request wanted{.method = "GET", .key = key, .query = {}, .headers = {}, .body = {}};
  wanted.headers = {{"range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1)}};
  SYSTOLE_ASSIGN(http_response answer, perform(wanted));
  piece made{std::move(answer.body), 0};
  const auto range = answer.headers.find("content-range");
  const auto broken = [&] {
    return fail(error_code::unavailable,
                "GET " + name_of(key) + ": the service sent another range than it was asked for");
  };
  if (answer.status == 200) {  // the whole object
    made.object_bytes = made.bytes.size();
    if (offset != 0 || made.bytes.size() > length) return broken();
    return made;
  }
  const std::string wanted_from = "bytes " + std::to_string(offset) + "-";
  if (range == answer.headers.end() || !range->second.starts_with(wanted_from)) return broken();
  const size_t slash = range->second.find('/');
  if (slash == std::string::npos) return broken();
  made.object_bytes = std::strtoull(range->second.c_str() + slash + 1, nullptr, 10);
  if (offset >= made.object_bytes || made.bytes.size() != std::min(length, made.object_bytes - offset)) return broken();
  return made;
}

result<std::optional<uint64_t>> s3_client::head(const std::string& key) {
  auto answer = perform({.method = "HEAD", .key = key, .query = {}, .headers = {}, .body = {}});
  if (!answer && answer.error().code == error_code::not_found) return std::optional<uint64_t>();
  if (!answer) return std::move(answer).error();
  const auto length = answer->headers.find("content-length");
  if (length == answer->headers.end())
    return fail(error_code::unavailable, "HEAD " + name_of(key) + ": the service did not tell the object's length");
  return std::optional<uint64_t>(std::strtoull(length->second.c_str(), nullptr, 10));
}

result<void> s3_client::put(const std::string& key, std::string_view bytes) {
  const auto answer = perform({.method = "PUT", .key = key, .query = {}, .headers = {}, .body = bytes});
  return answer ? result<void>() : answer.error();
}

result<void> s3_client::put_if_absent(const std::string& key, std::string_view bytes) {
  const auto answer =
      perform({.method = "PUT", .key = key, .query = {}, .headers = {{"if-none-match", "*"}}, .body = bytes});
  return answer ? result<void>() : answer.error();
}

result<void> s3_client::remove(const std::string& key) {
  const auto answer = perform({.method = "DELETE", .key = key, .query = {}, .headers = {}, .body = {}});
  if (!answer && answer.error().code != error_code::not_found) return answer.error();
  return {};
}

result<std::vector<std::string>> s3_client::list(const std::string& start) {
  std::vector<std::string> keys;
  const size_t skipped = full_key({}).size();
  std::string token;
  while (true) {
    request wanted{.method = "GET", .key = {}, .query = {}, .headers = {}, .body = {}, .whole_xml = true};
    wanted.query = {{"list-type", "2"}, {"prefix", full_key(start)}};
    if (!token.empty()) wanted.query.emplace_back("continuation-token", token);
    SYSTOLE_ASSIGN(const http_response answer, perform(wanted));
    SYSTOLE_ASSIGN(const auto elements, read_answer_xml(answer.body));
    for (const auto& [name, text] : elements)
      if (name == "Key" && text.size() >= skipped) keys.push_back(text.substr(skipped));
    if (keys.size() > limits::s3_listed_keys)
      return fail(error_code::limit_exceeded,
                  name_of(start) + " has more than " + std::to_string(limits::s3_listed_keys) + " objects");
    if (first_element(elements, "IsTruncated") != "true") break;
    token = first_element(elements, "NextContinuationToken");
    if (token.empty())
      return fail(error_code::unavailable, "the listing of " + name_of(start) + " was cut off by the service");
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

result<std::string> s3_client::begin_upload(const std::string& key) {
  SYSTOLE_ASSIGN(
      const http_response answer,
      perform(
          {.method = "POST", .key = key, .query = {{"uploads", ""}}, .headers = {}, .body = {}, .whole_xml = true}));
  SYSTOLE_ASSIGN(const auto elements, read_answer_xml(answer.body));
  std::string upload = first_element(elements, "UploadId");
  if (upload.empty())
    return fail(error_code::unavailable, "POST " + name_of(key) + ": the service gave no upload's id");
  return upload;
}

result<std::string> s3_client::put_part(const std::string& key, const std::string& upload, uint32_t number,
                                        std::string_view bytes) {
  SYSTOLE_ASSIGN(const http_response answer,
                 perform({.method = "PUT",
                          .key = key,
                          .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload}},
                          .headers = {},
                          .body = bytes}));
  const auto tag = answer.headers.find("etag");
  if (tag == answer.headers.end())
    return fail(error_code::unavailable, "PUT " + name_of(key) + ": the service gave a part no tag");
  return tag->second;
}

result<void> s3_client::finish_upload(const std::string& key, const std::string& upload,
                                      const std::vector<std::string>& tags) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < tags.size(); ++i) {
    std::string tag;
    for (const char c : tags[i]) {
      if (c == '"') tag += "&quot;";
      else if (c == '<') tag += "&lt;";
      else if (c == '&') tag += "&amp;";
      else tag.push_back(c);
    }
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + tag + "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  const auto answer = perform(
      {.method = "POST", .key = key, .query = {{"uploadId", upload}}, .headers = {}, .body = body, .whole_xml = true});
  return answer ? result<void>() : answer.error();
}

result<void> s3_client::abort_upload(const std::string& key, const std::string& upload) {
  const auto answer =
      perform({.method = "DELETE", .key = key, .query = {{"uploadId", upload}}, .headers = {}, .body = {}});
  if (!answer && answer.error().code != error_code::not_found) return answer.error();
  return {};
}

}  // namespace systole
