#include "operators/operator_chain.h"

#include <algorithm>
#include <cassert>

#include "operators/chain_node.h"

namespace systole {

void operator_chain::node_output::reject(const batch& rows, uint32_t row, const reject_reason& why) {
  if (count_rejection(*from_.accounting, rows.kind(row), why) && chain_.rejects_)
    chain_.rejects_->reject(from_.index, rows, row, why);
}

operator_chain::operator_chain(reject_target* rejects) : rejects_(rejects) {}
operator_chain::~operator_chain() = default;

size_t operator_chain::add_node(node_parts parts) {
  nodes_.push_back(std::make_unique<node>(*this, nodes_.size(), std::move(parts)));
  return nodes_.size() - 1;
}

void operator_chain::connect(size_t from, target to) {
  assert(from < to.node && to.node < nodes_.size());
  nodes_[from]->targets.push_back(to);
}

void operator_chain::connect(size_t from, chain_exit* exit) { nodes_[from]->exits.push_back(exit); }

result<void> operator_chain::open() {
  for (const auto& each : nodes_)
    if (each->op) SYSTOLE_TRY(each->op->open());
  refresh_held();
  return {};
}

result<void> operator_chain::start() {
  refresh_held();
  for (const auto& each : nodes_) {
    node& at = *each;
    const timestamp_us restored = at.combiner.combined();
    // An ended operator has fired everything; to tell it the end again could fire it twice.
    if (at.op && restored != watermark_none && restored != watermark_end && at.pending == work::none)
      settle(at, work::watermark, at.op->on_watermark(at.given_watermark = restored, at.out));
    else if (!at.op && !at.ended) forward_watermark(at);
    if (at.ended) forward_end(at);
  }
  refresh_held();
  return take_failure();
}

result<void> operator_chain::push(size_t index, uint32_t input, batch rows) {
  if (rows.empty()) return take_failure();
  deliver(*nodes_[index], {.what = item::kind::rows, .input = input, .rows = std::move(rows)});
  return take_failure();
}

result<void> operator_chain::watermark(size_t index, uint32_t input, uint32_t channel, timestamp_us watermark,
                                       bool idle) {
  if (watermark == watermark_end) return take_failure();  // the end follows and says so
  deliver(*nodes_[index],
          {.what = item::kind::watermark, .input = input, .channel = channel, .watermark = watermark, .idle = idle});
  return take_failure();
}

result<void> operator_chain::end(size_t index, uint32_t input, uint32_t channel) {
  deliver(*nodes_[index], {.what = item::kind::end, .input = input, .channel = channel});
  return take_failure();
}

bool operator_chain::accepts(size_t index, uint32_t input) const {
  const node& at = *nodes_[index];
  return at.pending == work::none && at.inbox.empty() && !held(index, input) && !full(at);
}

bool operator_chain::held(size_t index, uint32_t input) const {
  return any_blocking_ && (nodes_[index]->held || nodes_[index]->blocked[input]);
}

bool operator_chain::can_resume() const {
  if (idle()) return false;
  for (const auto& each : nodes_)
    if ((each->pending != work::none || runnable(*each)) && !full(*each)) return true;
  return false;
}

result<void> operator_chain::resume() {
  for (size_t i = nodes_.size(); i-- > 0;) {
    node& at = *nodes_[i];
    if (at.pending != work::none && !full(at)) {
      const work what = std::exchange(at.pending, work::none);
      --pending_;
      settle(at, what, at.op->resume(at.out));
    }
    drain(at);
    if (failure_) break;
  }
  return take_failure();
}

result<bool> operator_chain::barrier() {
  assert(idle());
  while (barrier_next_ < nodes_.size()) {
    node& at = *nodes_[barrier_next_++];
    if (!at.op) continue;
    if (auto done = at.op->on_barrier(at.out); !done) fail_with(std::move(done).error());
    SYSTOLE_TRY(take_failure());
    if (!idle()) return false;
  }
  barrier_next_ = 0;
  return true;
}

timestamp_us operator_chain::next_wakeup_us() const {
  timestamp_us next = watermark_end;
  for (const auto& each : nodes_)
    if (each->op && each->pending == work::none) next = std::min(next, each->op->next_wakeup_us());
  return next;
}

result<void> operator_chain::on_time(timestamp_us now_us) {
  for (const auto& each : nodes_) {
    node& at = *each;
    if (!at.op || at.pending != work::none || !at.inbox.empty() || at.op->next_wakeup_us() > now_us || full(at))
      continue;
    settle(at, work::time, at.op->on_time(now_us, at.out));
    if (failure_) break;
  }
  return take_failure();
}

void operator_chain::deliver(node& to, item&& what) {
  if (failure_) return;
  const bool blocked = any_blocking_ && to.blocked[what.input];
  if (to.pending != work::none || blocked || to.queued[what.input] > 0) {
    ++queued_;
    ++to.queued[what.input];
    to.inbox.push_back(std::move(what));
    return;
  }
  apply(to, std::move(what));
}

void operator_chain::apply(node& to, item&& what) {
  const uint32_t channel = to.first_channel[what.input] + what.channel;
  switch (what.what) {
    case item::kind::rows: {
      to.rows_in += what.rows.rows();
      if (!to.op && !to.is_source) to.counted.in += what.rows.rows();
      if (to.op) settle(to, work::rows, to.op->process(std::move(what.rows), what.input, to.out));
      else emit(to, std::move(what.rows));
      return;
    }
    case item::kind::watermark: {
      if (what.idle && to.op)
        if (auto done = to.op->on_idle(what.input); !done) return fail_with(std::move(done).error());
      if (to.combiner.update(channel, what.watermark, what.idle)) give_watermark(to);
      return;
    }
    case item::kind::end: {
      if (to.combiner.ended(channel)) return;
      to.combiner.end(channel);
      if (--to.open_channels[what.input] == 0) {
        if (to.op) settle(to, work::end_of_input, to.op->on_end(what.input, to.out));
        else complete(to, work::end_of_input);
      } else {
        give_watermark(to);
      }
      return;
    }
  }
}

void operator_chain::give_watermark(node& at) {
  const timestamp_us combined = at.combiner.combined();
  if (!at.op || combined <= at.given_watermark) return forward_watermark(at);
  at.given_watermark = combined;
  settle(at, work::watermark, at.op->on_watermark(combined, at.out));
}

void operator_chain::settle(node& at, work what, result<progress> outcome) {
  if (failure_) return;
  if (!outcome) return fail_with(std::move(outcome).error());
  if (*outcome == progress::again) {
    at.pending = what;
    ++pending_;
    return;
  }
  complete(at, what);
}

void operator_chain::complete(node& at, work what) {
  switch (what) {
    case work::none:
    case work::rows:
    case work::time: break;
    case work::watermark: forward_watermark(at); break;
    case work::end_of_input:
      if (any_blocking_) refresh_held();
      if (at.combiner.ended()) {
        if (at.op) return settle(at, work::end_of_node, at.op->on_watermark(watermark_end, at.out));
        return complete(at, work::end_of_node);
      }
      give_watermark(at);  // the remaining inputs' may be ahead of what the ended one had allowed
      break;
    case work::end_of_node:
      at.ended = true;
      ++ended_nodes_;
      forward_end(at);
      break;
  }
  if (!at.inbox.empty()) drain(at);
}

void operator_chain::drain(node& at) {
  if (at.draining || at.inbox.empty()) return;
  at.draining = true;
  for (size_t i = 0; i < at.inbox.size() && !failure_ && at.pending == work::none && !full(at);) {
    const uint32_t input = at.inbox[i].input;
    if (any_blocking_ && at.blocked[input]) {
      ++i;
      continue;
    }
    item next = std::move(at.inbox[i]);
    at.inbox.erase(at.inbox.begin() + static_cast<ptrdiff_t>(i));
    --queued_;
    --at.queued[input];
    apply(at, std::move(next));
    i = 0;  // an input may have been unblocked
  }
  at.draining = false;
}

void operator_chain::emit(node& from, batch&& rows) {
  from.rows_out += rows.rows();
  if (!from.op) from.counted.out += rows.rows();
  if (from.probe && from.probe->wanted()) from.probe->look(rows);
  const size_t ways = from.exits.size() + from.targets.size();
  size_t way = 0;
  const auto next = [&]() -> batch { return ++way == ways ? std::move(rows) : rows; };
  for (chain_exit* exit : from.exits) {
    if (failure_) return;
    if (auto written = exit->write(next()); !written) fail_with(std::move(written).error());
  }
  for (const target& to : from.targets)
    deliver(*nodes_[to.node], {.what = item::kind::rows, .input = to.input, .rows = next()});
}

void operator_chain::forward_watermark(node& from) {
  const timestamp_us combined = from.combiner.combined();
  timestamp_us out = from.op && combined != watermark_none ? from.op->output_watermark(combined) : combined;
  if (out == watermark_end) --out;  // only the end says so
  out = std::max(out, from.sent_watermark);
  const bool idle = from.combiner.idle();
  if (out == from.sent_watermark && idle == from.sent_idle) return;
  from.sent_watermark = out;
  from.sent_idle = idle;
  for (chain_exit* exit : from.exits) {
    if (failure_) return;
    if (auto sent = exit->watermark(out, idle); !sent) fail_with(std::move(sent).error());
  }
  for (const target& to : from.targets)
    deliver(*nodes_[to.node], {.what = item::kind::watermark, .input = to.input, .watermark = out, .idle = idle});
}

void operator_chain::forward_end(node& from) {
  from.sent_watermark = watermark_end;
  for (chain_exit* exit : from.exits) {
    if (failure_) return;
    if (auto sent = exit->end(); !sent) fail_with(std::move(sent).error());
  }
  for (const target& to : from.targets) deliver(*nodes_[to.node], {.what = item::kind::end, .input = to.input});
}

bool operator_chain::full(const node& at) const {
  for (const chain_exit* exit : at.exits)
    if (exit->full()) return true;
  for (const target& to : at.targets) {
    const node& next = *nodes_[to.node];
    if (next.pending != work::none || next.queued[to.input] > 0 || full(next)) return true;
  }
  return false;
}

bool operator_chain::runnable(const node& at) const {
  if (at.pending != work::none) return false;
  for (size_t input = 0; input < at.queued.size(); ++input)
    if (at.queued[input] > 0 && !(any_blocking_ && at.blocked[input])) return true;
  return false;
}

void operator_chain::refresh_held() {
  any_blocking_ = false;
  for (const auto& each : nodes_) {
    each->held = false;
    for (uint32_t i = 0; i < each->blocked.size(); ++i) {
      // A single input that blocks could never be unblocked.
      const bool blocks = each->op && each->blocked.size() > 1 && !each->input_ended(i) && each->op->blocks_input(i);
      each->blocked[i] = blocks;
      any_blocking_ |= blocks;
    }
  }
  if (!any_blocking_) return;
  for (size_t i = nodes_.size(); i-- > 0;)
    for (const target& to : nodes_[i]->targets)
      if (nodes_[to.node]->held || nodes_[to.node]->blocked[to.input]) nodes_[i]->held = true;
}

void operator_chain::fail_with(failure cause) {
  if (!failure_) failure_ = std::move(cause);
}

result<void> operator_chain::take_failure() {
  // Operators may unblock an input in any call, but only while one is blocked does it cost a look.
  if (any_blocking_) refresh_held();
  if (failure_) return *failure_;
  return {};
}

}  // namespace systole
