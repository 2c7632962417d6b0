/// A run without a result: the run, and what ended it.
#pragma once

#include "neutra/io/utf8.hpp"
#include "neutra/study/run_result.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What ended a run. A run that diverged would diverge again, so --resume does not repeat it; it repeats the others.
enum class FailureState { diverged, out_of_memory, not_saved };
inline constexpr std::array<std::string_view, 3> failure_states = {"diverged", "out_of_memory", "not_saved"};

struct Failure {
  Run run;
  FailureState state = FailureState::diverged;
  std::string reason;  // the message that ended it
  train::Divergence where;
};

/// "diverged at step 3, gradient largest in layers.0.w (2.5e+20)"
inline std::string told(const Failure& failure) {
  if (failure.state == FailureState::out_of_memory) return "ran out of memory";
  if (failure.state == FailureState::not_saved) return "could not be saved";
  const auto& [step, parameter, gradient] = failure.where;
  const std::string size = std::isfinite(gradient) ? concat(gradient) : std::string("not finite");
  return concat(
      "diverged ", step ? concat("at step ", *step) : std::string("in its evaluation"),
      parameter.empty() ? std::string() : concat(", gradient largest in ", io::printable(parameter), " (", size, ")"));
}

/// Texts are escaped as for display, so that JSON can hold any bytes.
inline io::Json to_json(const Failure& failure, const std::string& where) {
  detail::FieldWriter run(where);
  detail::visit_run(run, failure.run);
  io::Json json = run.take();
  const auto& [step, parameter, gradient] = failure.where;
  json["state"] = failure_states[static_cast<std::size_t>(failure.state)];
  json["reason"] = io::printable_whole(failure.reason);  // may name a path, which may be any bytes
  json["step"] = step ? io::Json(*step) : io::Json();
  json["largest_gradient"] = nullptr;
  if (!parameter.empty())
    json["largest_gradient"] = {{"parameter", io::printable_whole(parameter)},
                                {"value", std::isfinite(gradient) ? io::Json(gradient) : io::Json()}};
  return json;
}

/// Error: a key that is missing, unknown or of the wrong type; a number that no run can have; an unknown state.
inline Failure failure_from_json(const io::Json& json, const std::string& where) {
  const io::Reader read(json, where);
  detail::FieldReader fields(read);
  Failure failure;
  detail::visit_run(fields, failure.run);
  std::string state;
  fields("state", state);
  fields("reason", failure.reason);
  fields("step", failure.where.step);
  const auto known = std::find(failure_states.begin(), failure_states.end(), state);
  require(known != failure_states.end(), where, ": state must be diverged, out_of_memory or not_saved, got ",
          io::printable(state));
  failure.state = static_cast<FailureState>(known - failure_states.begin());
  fields.known("largest_gradient");
  if (read.has("largest_gradient")) {
    const io::Reader gradient = read.object("largest_gradient");
    gradient.only({"parameter", "value"});
    failure.where.parameter = gradient.text("parameter");
    failure.where.gradient = gradient.number("value", std::numeric_limits<double>::quiet_NaN());
  }
  fields.finish();
  detail::check_ranges(failure.run, where);
  return failure;
}

}}}  // namespace neutra::NEUTRA_ABI::study
