#pragma once

#include <caf/all.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "actors/node_work.h"

namespace systole {

/// A thread that does what it is given, in order. Ends on work without content.
node_actor spawn_background_thread(caf::actor_system& system);

/// Runs `what` on a thread of a moment and has `then` called with its result through `post`, a node's poster.
template <class T, class Post, class Then>
void in_background(caf::actor_system& system, Post post, std::function<T()> what, Then then) {
  system.spawn<caf::detached>(
      [post = std::move(post), what = std::move(what), then = std::move(then)](caf::event_based_actor*) {
        auto made = std::make_shared<T>(what());
        post([made, then](auto& shell) mutable { then(shell, std::move(*made)); });
      });
}

}  // namespace systole
