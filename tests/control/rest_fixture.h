#pragma once

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "control/rest_api.h"
#include "fake_cluster.h"
#include "formats/json_value.h"

namespace systole::testing {

/// Asks the API without a server in between.
class rest_test : public ::testing::Test {
 protected:
  http_response call(const std::string& method, const std::string& path, const std::string& body = {}) {
    http_request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers = headers_;
    request.query = query_;
    request.peer = "127.0.0.1:5";
    std::promise<http_response> answered;
    const http_handler api = make_rest_api(cluster_, options_);
    api(std::move(request), [&](http_response response) { answered.set_value(std::move(response)); });
    return answered.get_future().get();
  }
  static json_value json(const http_response& response) {
    auto read = json_value::parse(response.body);
    EXPECT_TRUE(read) << response.body;
    return read ? std::move(read).value() : json_value();
  }
  /// A member by its path: "error.code", "jobs.0.name"; "" where there is none.
  static std::string at(const http_response& response, const std::string& path) {
    const json_value whole = json(response);
    const json_value* value = &whole;
    for (size_t from = 0; value && from <= path.size();) {
      const size_t end = std::min(path.find('.', from), path.size());
      const std::string name = path.substr(from, end - from);
      if (const auto* items = value->items())
        value = std::stoul(name) < items->size() ? &(*items)[std::stoul(name)] : nullptr;
      else value = value->find(name);
      from = end + 1;
    }
    if (!value) return {};
    if (const std::string* text = value->text()) return *text;
    json_text out;
    value->write(out);
    return out.take();
  }
  http_response submit(const std::string& name, const std::string& more = {}) {
    return call("POST", "/api/v1/jobs",
                R"({"files": [{"name": "job.yaml", "text": "name: )" + name + R"("}])" + more + "}");
  }

  fake_cluster cluster_;
  rest_options options_;
  std::map<std::string, std::string> query_;
  std::map<std::string, std::string> headers_{{"host", "127.0.0.1:8480"}, {"content-type", "application/json"}};
};

}  // namespace systole::testing
