/// Reverse-mode automatic differentiation on a flat tape.
///
/// Ops run when they are called, store their result on the tape and record a backward closure; backward() runs the
/// closures in reverse order, in a loop. An op follows three rules:
///   1. It allocates its output with make(), computes it, and calls record() with its inputs, the values that its
///      backward reads, and a trivially copyable closure.
///   2. The closure reads gradient(output); into(input) is the destination of a contribution and says whether it
///      overwrites or adds (false if no gradient is wanted). Nothing is zeroed beforehand. The closure reads values
///      through x.value(): a View from the forward pass may be stale.
///   3. Values not saved for backward are released at the end of their Scope, the others once the backward pass no
///      longer reads them. Scalars (losses) live until start().
/// An op that makes one pass over its inputs may compute its output with rematerialise(): the output is then also
/// released at the end of its Scope, and rematerialised when it is read.
#pragma once

#include "neutra/autodiff/passes.hpp"
#include "neutra/autodiff/past.hpp"
#include "neutra/autodiff/records.hpp"
#include "neutra/autodiff/scope.hpp"
#include "neutra/autodiff/step_values.hpp"

#include <initializer_list>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape : public detail::StepValues<S, D> {
  using detail::StepValues<S, D>::values_, detail::StepValues<S, D>::step_, detail::StepValues<S, D>::push,
      detail::StepValues<S, D>::value_of;

 public:
  using detail::StepValues<S, D>::node, detail::StepValues<S, D>::into;
  using Node = neutra::Node<S, D>;
  using Scope = neutra::Scope<S, D>;

  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Ends the last step and begins a new one; without `recording`, nothing is saved for a backward pass.
  /// precision: the matmul input precision (rounded to nearest even), for weights and attention, forward and backward;
  /// sums are of S. The backward pass of an op uses the precision of its forward pass. A model sets its own precision
  /// (see begin_pass). Error: S cannot be rounded to `precision`.
  void start(bool recording = true, DType precision = dtype_of<S>) {
    set_precision(precision);
    values_.clear();
    records_.clear();
    recording_ = recording;
    passes_.clear();
    past_ = nullptr;
    walked_ = false;
    ++step_;
  }

  DType precision() const { return precision_; }
  /// The matmul input precision of the ops that follow.
  void set_precision(DType precision) {
    require(stores<S>(precision), "Tape: numbers of ", dtype_of<S>, " are not rounded to ", precision,
            "; compute in float, or leave the precision out");
    precision_ = precision;
  }

  /// For models: the model at this address begins a forward pass in its precision. Error: the calling loop omitted
  /// start() (see detail::Passes).
  void begin_pass(const void* model, DType precision) {
    passes_.begin(model, step_ > 0 && !walked_, recording_);
    set_precision(precision);
  }

  /// The tokens before those of the ops that follow, or null; until the next start(). Models set it (see
  /// Transformer::next_logits). Ops that read earlier tokens continue it, by one sequence. Error: the tape records.
  Past<S, D>* past() const { return past_; }
  void set_past(Past<S, D>* past) {
    require(!past || !recording_, "Tape: a past is continued without recording only; call start(false)");
    past_ = past;
  }

  // ---- leaves

  /// A trainable parameter; its gradient accumulates in the Parameter, if that is trained and not held.
  Var<S, D> leaf(Parameter<S, D>& parameter) {
    return push(Node::of(parameter, recording_ && parameter.trained && !parameter.held));
  }

  /// A frozen weight, which must outlive the step.
  Var<S, D> constant(const Frozen<S, D>& weight) { return push(Node::of(weight)); }
  Var<S, D> constant(const Frozen<S, D>&&) = delete;  // a temporary would be destroyed before its matmul

  /// For closures that capture a pointer: require_alive(watch(x.life)) is an Error once x no longer exists.
  Var<S, D> watch(const Life& life) { return push({.alive = life.token()}); }
  void require_alive(Var<S, D> watched) const { node(watched).require_alive(); }

  /// Caller-owned device memory that outlives the step; `gradient` (same shape), if given, receives the gradient.
  Var<S, D> input(View<const S> numbers, S* gradient = nullptr) {
    require(numbers.stride == numbers.cols() || numbers.rows() <= 1,
            "Tape::input: rows must be contiguous, got stride ", numbers.stride, " for ", numbers.shape);
    return push(Node::of(numbers, gradient, recording_));
  }
  template <class E> Var<S, D> input(const Tensor<S, E>&&, S* = nullptr) {
    return detail::view_of_temporary<Var<S, D>>();
  }

  // ---- for ops

  /// Allocates the output of an op.
  /// capacity: the capacity in rows, if the number of rows varies from step to step (see capacity()).
  /// dtype: the storage dtype of the value and its gradient; other than S only if linear, gated and attention read it.
  Var<S, D> make(const Shape& shape, Index capacity = 0, DType dtype = dtype_of<S>) {
    require(stores<S>(dtype), "Tape: numbers of ", dtype_of<S>, " are not stored as ", dtype);
    Node made;
    made.shape = shape;
    made.capacity = capacity;
    made.dtype = dtype;
    values_.own(made);
    return push(made);
  }

  /// Computes y by forward(tape), one pass over `inputs`: one or two values, all that `forward` reads. If a backward
  /// reads y and the inputs stay in memory anyway, y is released at the end of its scope and rematerialised by
  /// `forward` when it is read. Leaves and inputs of the tape must not change in between. `forward` is trivially
  /// copyable and reads values through x.value(), as a backward closure does.
  template <class Forward>
  void rematerialise(Var<S, D> y, std::initializer_list<Var<S, D>> inputs, const Forward& forward) {
    require(inputs.size() == 1 || inputs.size() == 2, "Tape::rematerialise: one input or two, got ", inputs.size());
    forward(*this);
    if (recording_)
      values_.can_rematerialise(y.index_, {inputs.begin()->index_, (inputs.end() - 1)->index_}, records_.keep(forward));
  }

  /// Whether any of these inputs of an op wants a gradient.
  bool wanted(std::initializer_list<Var<S, D>> inputs) const {
    bool any = false;
    for (const auto& input : inputs) any |= node(input).needs_gradient;  // no early exit: node() checks every Var
    return any;
  }

  /// Records the backward closure of y, if any input wants a gradient. saves: the values that backward(tape) reads.
  template <class Backward>
  void record(Var<S, D> y, std::initializer_list<Var<S, D>> inputs, std::initializer_list<Var<S, D>> saves,
              const Backward& backward) {
    if (!wanted(inputs)) return;
    node(y).needs_gradient = true;
    for (const auto& saved : saves) node(saved).saved = true;
    records_.push(y.index_, backward);
  }

  /// The value of x as a constant: no gradient flows back to x.
  Var<S, D> stop_gradient(Var<S, D> x) {
    if (node(x).frozen) return x;
    value_of(x);
    node(x).rematerialised = 0;
    node(x).saved = true;  // the alias reads its memory
    Node alias = node(x);
    alias.gradient = nullptr;
    alias.parameter = nullptr;
    alias.needs_gradient = alias.has_gradient = alias.owned = false;
    return push(alias);
  }

  // ---- backward

  /// Adds the gradients of seed * loss (one element) to every parameter that the loss depends on; once per start().
  /// Values other than scalars are released once the backward pass no longer reads them.
  void backward(Var<S, D> loss, S seed = S(1)) {
    require(node(loss).shape.size() == 1, "backward: the loss must have one element, its shape is ", node(loss).shape);
    require(node(loss).needs_gradient,
            "backward: the loss depends on no trainable parameter; was the tape started with recording, and does the "
            "loss use a Parameter?");
    require(!std::exchange(walked_, true),
            "backward: already called in this step; add up the losses and call it once, or start() a new step");
    D::template upload<S>(std::span<const S>(&seed, 1), into(loss).view.data);
    run_backward({});
  }

  // ---- ranges of the tape, for scopes and recomputation

  Position position() const {
    Position here = values_.position();
    here.records = records_.count();
    return here;
  }
  /// Whether an op made x after `begin`.
  bool made_since(Position begin, Var<S, D> x) const { return node(x).owned && x.index_ >= begin.values; }

  /// Releases the values made after `begin`, except `kept`, and also `taken`; values saved for backward remain.
  void end_scope(Position begin, Var<S, D> taken, Var<S, D> kept) {
    // From the end: a value that is read to rematerialise another must be marked as saved before its own turn.
    for (std::size_t index = values_.position().values; index-- > begin.values;)
      if (!is(kept, index)) values_.end_of_scope(values_[index]);
    if (taken.tape_ && !is(kept, taken.index_)) values_.end_of_scope(values_[taken.index_]);
  }

  /// Drops the records after `begin`, and releases all values made after it except `kept` and scalars.
  void forget(Position begin, Var<S, D> kept = {}) {
    if (kept.tape_) {
      value_of(kept);
      node(kept).rematerialised = 0;  // its inputs are released below
    }
    for (std::size_t index = begin.values; index < values_.position().values; ++index)
      if (!is(kept, index) && !values_[index].is_number()) values_.release(values_[index]);
    values_.release_scratch(begin.scratch);
    records_.cut(begin.records);
  }

  /// Runs the backward closures recorded after `begin` in reverse order, from the gradients present, and drops them.
  void run_backward(Position begin) {
    records_.run_backward(begin.records, [&](const auto& record) {
      if (values_[record.output].has_gradient) record.backward(*this);
      if (!values_[record.output].is_number()) values_.release(values_[record.output]);
    });
  }

  /// Error: a weight or table used between `begin` and `end` no longer exists.
  void require_alive(Position begin, Position end) const {
    for (std::size_t index = begin.values; index < end.values; ++index) values_[index].require_alive();
  }

  bool recording() const { return recording_; }

 private:
  static bool is(Var<S, D> x, std::size_t index) { return x.tape_ && x.index_ == index; }

  detail::Records<Tape> records_;
  detail::Passes passes_;
  Past<S, D>* past_ = nullptr;
  DType precision_ = dtype_of<S>;
  bool recording_ = true, walked_ = false;
};

}}  // namespace neutra::NEUTRA_ABI
