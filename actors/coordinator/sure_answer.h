#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/result.h"

namespace systole {

/// `then`, which is called once, whatever happens: where the last copy goes away without a call (its coordinator has lost its
/// lead, or ends), it gets `otherwise`. Copies may go away on any thread; calls after the first do nothing.
template <class T>
std::function<void(result<T>)> sure_answer(std::function<void(result<T>)> then, failure otherwise) {
  struct once {
    std::function<void(result<T>)> then;
    failure otherwise;
    once() = default;
    once(const once&) = delete;
    once& operator=(const once&) = delete;
    ~once() {
      if (then) then(std::move(otherwise));
    }
  };
  auto kept = std::make_shared<once>();
  kept->then = std::move(then);
  kept->otherwise = std::move(otherwise);
  return [kept](result<T> made) {
    if (const auto call = std::exchange(kept->then, nullptr)) call(std::move(made));
  };
}

}  // namespace systole
