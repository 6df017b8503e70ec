// What users ask of job_control: recorded first, so that it is done also by the next coordinator, then obeyed.
#include <algorithm>
#include <utility>

#include "coordination/job_control.h"

namespace systole {
namespace {

proto::LogRecord::Kind kind_of(job_request::kind what) {
  switch (what) {
    case job_request::kind::stop: return proto::LogRecord::STOP;
    case job_request::kind::drain: return proto::LogRecord::DRAIN;
    case job_request::kind::cancel: return proto::LogRecord::CANCEL;
    case job_request::kind::rescale: return proto::LogRecord::RESCALE;
    case job_request::kind::resume: return proto::LogRecord::RESUME;
    case job_request::kind::savepoint: break;
  }
  return proto::LogRecord::NONE;
}

}  // namespace

job_control::actions job_control::on_request(const job_request& request, timestamp_us now_us) {
  actions out;
  for (const answer& known : answers_)
    if (known.request == request.id) {
      out.push_back(known);
      return out;
    }
  const bool under_way =
      std::any_of(records_.begin(), records_.end(),
                  [&](const auto& each) { return each.has_asked() && each.asked().request() == request.id; }) ||
      std::any_of(savepoints_.begin(), savepoints_.end(), [&](const auto& each) { return each.request == request.id; });
  if (under_way) return out;
  const auto refuse = [&](error_code code, std::string why) {
    out.push_back(answer{request.id, fail(code, std::move(why)), {}});
    return out;
  };
  if (state_ == state::finished) return refuse(error_code::invalid_argument, "the job has finished");
  if (records_.size() + savepoints_.size() >= most_pending)
    return refuse(error_code::limit_exceeded, "too many requests of this job are under way");
  if (request.what == job_request::kind::savepoint) {
    if (state_ != state::running)
      return refuse(error_code::unavailable, "the job is not running, so there is nothing new to save");
    savepoints_.push_back({request.id, epoch_id(checkpoints_->next_epoch().value - 1)});
    perform(checkpoints_->request_epoch(now_us), now_us, out);
    return out;
  }
  proto::LogRecord record;
  record.mutable_asked()->set_request(request.id);
  record.mutable_asked()->set_kind(kind_of(request.what));
  record.mutable_asked()->set_parallelism(request.parallelism);
  append(std::move(record), out);
  return out;
}

void job_control::append(proto::LogRecord what, actions& out) {
  what.set_term(term_.value);
  records_.push_back(std::move(what));
  if (records_.size() == 1) out.push_back(log_append{records_.front()});
}

void job_control::obey_recorded(const proto::LogRecord& what, timestamp_us now_us, actions& out) {
  switch (what.asked().kind()) {
    case proto::LogRecord::STOP: wish_ = wish::stop; break;
    case proto::LogRecord::CANCEL: wish_ = wish::cancel; break;
    case proto::LogRecord::RESCALE: wanted_parallelism_ = what.asked().parallelism(); break;
    case proto::LogRecord::DRAIN:
      wish_ = wish::run;
      drain_ = true;
      break;
    case proto::LogRecord::RESUME:
      wish_ = wish::run;
      drain_ = false;
      if (ended() || state_ == state::ending) restarts_.forgive();
      if (state_ == state::ending && after_ending_ == state::failed) after_ending_ = state::stopped;
      break;
    default: break;
  }
  reply(what.asked().request(), std::nullopt, {}, out);
  if (ended() && wish_ == wish::run && what.asked().kind() != proto::LogRecord::RESCALE) next_attempt(now_us, out);
  else obey(now_us, out);
}

/// Brings what runs in line with what is wanted.
void job_control::obey(timestamp_us now_us, actions& out) {
  if (ended() || state_ == state::adopting) return;
  if (state_ == state::ending) {
    if (wish_ == wish::cancel && after_ending_ == state::stopped) after_ending_ = state::cancelled;
    return;
  }
  if (wish_ == wish::cancel) return begin_ending(state::cancelled, now_us, out);
  if (state_ == state::running) {
    attempt_order& wanted = members_.wanted();
    if (drain_ && !std::exchange(wanted.drain, true)) send_orders(out);
    if (wish_ == wish::stop || moving()) perform(checkpoints_->request_stop(now_us), now_us, out);
    return;
  }
  if (wish_ == wish::stop) return begin_ending(state::stopped, now_us, out);
  if (state_ == state::waiting) next_attempt(now_us, out);
}

void job_control::reply(const std::string& request, std::optional<failure> refused, epoch_id epoch, actions& out) {
  answer made{request, std::move(refused), epoch};
  answers_.push_back(made);
  if (answers_.size() > kept_answers) answers_.pop_front();
  out.push_back(std::move(made));
}

}  // namespace systole
