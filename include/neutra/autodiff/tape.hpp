/// Reverse-mode automatic differentiation on a flat record.
///
/// Ops run when they are called, put their result on the tape and record how to go back; backward() walks the record
/// from its end, in a loop. Three rules, and an op needs no others:
///   1. An op makes its output with make(), fills it, and calls record() with its inputs, what its backward reads, and
///   a trivially copyable closure.
///   2. In the closure, gradient(output) is there to read, and into(input) says where a contribution goes and whether
///   it overwrites or adds
///      (it is false where no gradient is wanted). Nothing is zeroed beforehand. Values are asked for there, x.value():
///      an earlier View may be stale.
///   3. Values that no backward reads die with their Scope; everything else dies as the walk passes it. Single numbers
///   (losses) live until start().
/// An op of one pass over its inputs may leave the filling to fill(): its output then dies with the Scope too, and is
/// made again when it is read.
#pragma once

#include "neutra/autodiff/passes.hpp"
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

  /// Forgets the last step and begins a new one; with `recording` false nothing is kept for a backward pass.
  /// precision: what matmul inputs are rounded to (nearest even), with weights and in attention, forward and back; sums
  /// are of S. An op goes back as it went forward. A model sets its own (see begin_pass). Error: S is not rounded to
  /// it.
  void start(bool recording = true, DType precision = dtype_of<S>) {
    set_precision(precision);
    values_.clear();
    records_.clear();
    recording_ = recording;
    passes_.clear();
    walked_ = false;
    ++step_;
  }

  DType precision() const { return precision_; }
  /// For what is recorded from here on.
  void set_precision(DType precision) {
    require(stores<S>(precision), "Tape: numbers of ", dtype_of<S>, " are not rounded to ", precision,
            "; compute in float, or leave the precision out");
    precision_ = precision;
  }

  /// For models: the one at this address begins a forward pass, in its precision. Error: the loop around it forgot
  /// start() (see detail::Passes).
  void begin_pass(const void* model, DType precision) {
    passes_.begin(model, step_ > 0 && !walked_, recording_);
    set_precision(precision);
  }

  // ---- leaves

  /// A trainable weight; its gradient goes to the parameter.
  Var<S, D> leaf(Parameter<S, D>& parameter) { return push(Node::of(parameter, recording_)); }

  /// A weight that never changes. The weight must outlive the step.
  Var<S, D> constant(const Frozen<S, D>& weight) { return push(Node::of(weight)); }
  Var<S, D> constant(const Frozen<S, D>&&) = delete;  // a temporary would be gone before its product

  /// For closures that point to something: require_alive(watch(x.life)) is an Error once x is gone.
  Var<S, D> watch(const Life& life) { return push({.alive = life.token()}); }
  void require_alive(Var<S, D> watched) const { node(watched).require_alive(); }

  /// Numbers from outside, on the device, that outlive the step; `gradient` (same shape) receives theirs if it is
  /// given.
  Var<S, D> input(View<const S> numbers, S* gradient = nullptr) {
    require(numbers.stride == numbers.cols() || numbers.rows() <= 1,
            "Tape::input: rows must be contiguous, got stride ", numbers.stride, " for ", numbers.shape);
    return push(Node::of(numbers, gradient, recording_));
  }
  template <class E> Var<S, D> input(const Tensor<S, E>&&, S* = nullptr) {
    return detail::view_of_temporary<Var<S, D>>();
  }

  // ---- for ops

  /// Room for an op's output. `room`: rows to reserve where the number of rows varies from step to step (see room()).
  /// `dtype`: how it lies in memory, and its gradient. Other than S it is for values that are read by ops alone that
  /// know it: linear, gated, attention.
  Var<S, D> make(const Shape& shape, Index room = 0, DType dtype = dtype_of<S>) {
    require(stores<S>(dtype), "Tape: numbers of ", dtype_of<S>, " are not stored as ", dtype);
    Node made;
    made.shape = shape;
    made.room = room;
    made.dtype = dtype;
    values_.own(made);
    return push(made);
  }

  /// Fills y by forward(tape), one pass over `inputs`: all that it reads, two at most. Where a backward reads y and its
  /// inputs are kept anyway, y is not: its memory goes with its scope, and it is made once more when it is read. Leaves
  /// and inputs of the tape must not change before. `forward` asks for values itself, as a backward closure does, and
  /// is trivially copyable.
  template <class Forward> void fill(Var<S, D> y, std::initializer_list<Var<S, D>> inputs, const Forward& forward) {
    require(inputs.size() == 1 || inputs.size() == 2, "Tape::fill: one input or two, got ", inputs.size());
    forward(*this);
    if (recording_)
      values_.can_fill_again(y.index_, {inputs.begin()->index_, (inputs.end() - 1)->index_}, records_.keep(forward));
  }

  /// Whether a backward pass over an op with these inputs will be wanted.
  bool wanted(std::initializer_list<Var<S, D>> inputs) const {
    bool any = false;
    for (const auto& input : inputs)
      any |= node(input).needs_gradient;  // all of them: each has to be of this tape and step
    return any;
  }

  /// Records how to go back from y, if any input wants a gradient; `saves` are the values that backward(tape) will
  /// read.
  template <class Backward>
  void record(Var<S, D> y, std::initializer_list<Var<S, D>> inputs, std::initializer_list<Var<S, D>> saves,
              const Backward& backward) {
    if (!wanted(inputs)) return;
    node(y).needs_gradient = true;
    for (const auto& saved : saves) node(saved).saved = true;
    records_.push(y.index_, backward);
  }

  /// The same value with nothing going back.
  Var<S, D> stop_gradient(Var<S, D> x) {
    if (node(x).frozen) return x;
    value_of(x);
    node(x).filling = 0;
    node(x).saved = true;  // its memory has a second reader
    Node alias = node(x);
    alias.gradient = nullptr;
    alias.parameter = nullptr;
    alias.needs_gradient = alias.has_gradient = alias.owned = false;
    return push(alias);
  }

  // ---- backward

  /// Gradients of `loss` (one element) times `seed`, into every parameter it depends on; once per start(). Values are
  /// released as the walk passes them, single numbers excepted.
  void backward(Var<S, D> loss, S seed = S(1)) {
    require(node(loss).shape.size() == 1, "backward: the loss must have one element, its shape is ", node(loss).shape);
    require(node(loss).needs_gradient,
            "backward: the loss depends on nothing that trains; was the tape started with recording, and is a "
            "Parameter in use?");
    require(!std::exchange(walked_, true),
            "backward: this step was walked back already; add the losses up before, or start() a new step");
    D::template upload<S>(std::span<const S>(&seed, 1), into(loss).view.data);
    walk_back({});
  }

  // ---- stretches of the tape, for scopes and recomputation

  Position position() const {
    Position here = values_.position();
    here.records = records_.count();
    return here;
  }
  /// Whether an op made x since then.
  bool made_since(Position begin, Var<S, D> x) const { return node(x).owned && x.index_ >= begin.values; }

  /// Ends the life of what was made since, but for `kept`, and of `taken`: what a backward reads stays.
  void end_scope(Position begin, Var<S, D> taken, Var<S, D> kept) {
    for (std::size_t index = values_.position().values;
         index-- > begin.values;)  // from the end: what fills a value again is saved before its turn
      if (!is(kept, index)) values_.end_of_scope(values_[index]);
    if (taken.tape_ && !is(kept, taken.index_)) values_.end_of_scope(values_[taken.index_]);
  }

  /// Drops what was recorded since, with all values made since but `kept` and single numbers.
  void forget(Position begin, Var<S, D> kept = {}) {
    if (kept.tape_) {
      value_of(kept);
      node(kept).filling = 0;  // what it was made of goes
    }
    for (std::size_t index = begin.values; index < values_.position().values; ++index)
      if (!is(kept, index) && !values_[index].is_number()) values_.release(values_[index]);
    values_.release_scratch(begin.scratch);
    records_.cut(begin.records);
  }

  /// Walks back through what was recorded since, from the gradients that are there, and drops the record.
  void walk_back(Position begin) {
    records_.walk_back(begin.records, [&](const auto& record) {
      if (values_[record.output].has_gradient) record.backward(*this);
      if (!values_[record.output].is_number()) values_.release(values_[record.output]);
    });
  }

  /// Error: a weight on that stretch is gone, or what else its values stand for.
  void require_alive(Position begin, Position end) const {
    for (std::size_t index = begin.values; index < end.values; ++index) values_[index].require_alive();
  }

  bool recording() const { return recording_; }

 private:
  static bool is(Var<S, D> x, std::size_t index) { return x.tape_ && x.index_ == index; }

  detail::Records<Tape> records_;
  detail::Passes passes_;
  DType precision_ = dtype_of<S>;
  bool recording_ = true, walked_ = false;
};

}}  // namespace neutra::NEUTRA_ABI
