#include <gtest/gtest.h>

#include <future>

#include "http/event_queue.h"
#include "http/event_reader.h"
#include "raw_client.h"
#include "server_fixture.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using namespace systole::testing;
using events = std::vector<std::pair<std::string, std::string>>;

http_handler streaming(std::function<void(std::shared_ptr<event_stream>)> begin) {
  return [begin = std::move(begin)](const http_request&, const http_answer& answer) {
    http_response response;
    response.content_type = "text/event-stream";
    response.events = begin;
    answer(std::move(response));
  };
}

TEST(http_events, reach_the_client_in_order_until_the_stream_is_closed) {
  const auto server = started(streaming([](const std::shared_ptr<event_stream>& stream) {
    for (int i = 0; i < 1000; ++i) stream->send("row", std::to_string(i) + "\nsecond line");
    stream->close();
  }));
  int count = 0;
  const auto all = http_events(client_of(*server), "/tap", [&](std::string_view name, std::string_view data) {
    EXPECT_EQ(name, "row");
    EXPECT_EQ(data, std::to_string(count++) + "\nsecond line");
    return true;
  });
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count, 1000);
}

TEST(http_events, give_an_answer_that_is_no_stream) {
  const auto server = started([](const http_request&, const http_answer& answer) {
    answer(http_error(409, "incompatible", "it is off"));
  });
  const auto refused = http_events(client_of(*server), "/tap", [](std::string_view, std::string_view) {
    ADD_FAILURE() << "an event";
    return true;
  });
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->status, 409u);
  EXPECT_TRUE(has(refused->body, "it is off"));
}

TEST(http_events, end_where_the_sender_forgets_to_close) {
  const auto server = started(streaming([](const std::shared_ptr<event_stream>& stream) { stream->send("one", "1"); }));
  int count = 0;
  const auto all =
      http_events(client_of(*server), "/", [&](std::string_view, std::string_view) { return ++count > 0; });
  EXPECT_TRUE(all) << all.error().message;
  EXPECT_EQ(count, 1);
}

TEST(http_events, come_from_another_thread_until_the_client_has_gone) {
  std::promise<std::shared_ptr<event_stream>> begun;
  const auto server =
      started(streaming([&](std::shared_ptr<event_stream> stream) { begun.set_value(std::move(stream)); }));
  std::thread sender([&] {
    const auto stream = begun.get_future().get();
    while (stream->send("tick", "x")) std::this_thread::yield();
  });
  int count = 0;
  const auto some =
      http_events(client_of(*server), "/", [&](std::string_view, std::string_view) { return ++count < 3; });
  EXPECT_TRUE(some) << some.error().message;
  EXPECT_EQ(count, 3);
  sender.join();  // send() has said that the client is gone
}

TEST(http_events, are_dropped_and_counted_for_a_slow_reader) {
  std::promise<void> sent;
  http_server_options options;
  options.limits.events_bytes = 64 * 1024;
  const std::string data(1000, 'x');
  constexpr int number = 30'000;  // 30 MB, far more than the sockets hold
  std::shared_ptr<event_stream> kept;
  const auto server = started(streaming([&](const std::shared_ptr<event_stream>& stream) {
                                kept = stream;
                                for (int i = 0; i < number; ++i) EXPECT_TRUE(stream->send("row", data));
                                sent.set_value();
                              }),
                              options);
  raw_client client(server->port(), 4096);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  sent.get_future().wait();
  kept->close();
  const std::string all = client.receive_all();
  int rows = 0, dropped = 0;
  event_reader reader(1 << 20);
  const auto read =
      reader.take(all.substr(all.find("\r\n\r\n") + 4), [&](std::string_view name, std::string_view text) {
        if (name == "row") ++rows;
        if (name == "dropped") dropped += std::stoi(std::string(text));
        return true;
      });
  ASSERT_TRUE(read);
  EXPECT_GT(rows, 10);
  EXPECT_GT(dropped, 10'000);
  EXPECT_EQ(rows + dropped, number);
}

/// A client that has asked for a stream, and the server's end of it.
struct one_stream {
  explicit one_stream(const http_server_options& options = {}, int receive_buffer_bytes = 0)
      : server(started(streaming([this](std::shared_ptr<event_stream> made) { begun.set_value(std::move(made)); }), options)),
        client(server->port(), receive_buffer_bytes) {
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    stream = begun.get_future().get();
  }
  std::promise<std::shared_ptr<event_stream>> begun;
  std::unique_ptr<http_server> server;
  raw_client client;
  std::shared_ptr<event_stream> stream;
};

TEST(http_events, cut_off_a_client_that_takes_nothing) {
  http_server_options options;
  options.limits.idle = 100ms;
  one_stream open(options, 4096);
  const auto begin = std::chrono::steady_clock::now();
  while (open.stream->send("row", std::string(10'000, 'x')) && std::chrono::steady_clock::now() - begin < 8s)
    std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
}

TEST(http_events, show_signs_of_life) {
  http_server_options options;
  options.limits.event_ping = 10ms;
  one_stream open(options);
  std::string all;
  while (!has(all, "\r\n\r\n:\n\n:\n\n")) {
    const std::string more = open.client.receive_some();
    ASSERT_FALSE(more.empty()) << all;
    all += more;
  }
}

TEST(http_events, outlive_their_server_without_harm) {
  one_stream open;
  open.server.reset();
  EXPECT_FALSE(open.stream->send("row", "x"));
  open.client.receive_all();
  EXPECT_TRUE(open.client.ended());
}

TEST(event_queue, tells_once_until_all_is_taken) {
  int told = 0;
  event_queue queue(1000, [&] { ++told; });
  queue.send("a", "1");
  queue.send("b", "2");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(queue.take(), "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n");
  EXPECT_EQ(queue.take(), "");
  queue.send("c", "x\r\ny\rz\n");
  EXPECT_EQ(told, 2);
  EXPECT_EQ(queue.take(), "event: c\ndata: x\ndata: y\ndata: z\ndata: \n\n");
}

TEST(event_queue, says_where_events_are_missing) {
  event_queue queue(60, [] {});
  EXPECT_TRUE(queue.send("a", std::string(30, 'x')));
  EXPECT_TRUE(queue.send("a", std::string(30, 'y')));
  EXPECT_TRUE(queue.send("a", std::string(100, 'y')));
  EXPECT_EQ(queue.take(), "event: a\ndata: " + std::string(30, 'x') + "\n\nevent: dropped\ndata: 2\n\n");
}

TEST(event_reader, reads_pieces_of_any_size) {
  const std::string text =
      ": comment\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata:bare\n\nevent: none\n\nid: 5\ndata\n\n";
  for (size_t piece = 1; piece < text.size(); ++piece) {
    events got;
    event_reader reader(1000);
    for (size_t at = 0; at < text.size(); at += piece) {
      const auto more =
          reader.take(std::string_view(text).substr(at, piece), [&](std::string_view name, std::string_view data) {
            got.emplace_back(name, data);
            return true;
          });
      ASSERT_TRUE(more);
    }
    EXPECT_EQ(got, (events{{"a", "1\n2"}, {"message", "bare"}, {"message", ""}})) << piece;
  }
}

TEST(event_reader, refuses_an_event_without_an_end) {
  event_reader reader(100);
  const auto refused =
      reader.take("data: " + std::string(200, 'x'), [](std::string_view, std::string_view) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::limit_exceeded);
}

}  // namespace
}  // namespace systole
