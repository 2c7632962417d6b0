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
#include "neutra/autodiff/values.hpp"
#include "neutra/autodiff/var.hpp"

#include <initializer_list>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape : detail::Values<S, D> {
  using Values = detail::Values<S, D>;
  using Values::bytes, Values::end_of_scope, Values::is_number, Values::nodes_, Values::pool_, Values::release,
      Values::require_alive;

 public:
  using Node = typename Values::Node;

  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Forgets the last step and begins a new one; with `recording` false nothing is kept for a backward pass.
  /// precision: what matmul inputs are rounded to (nearest even), with weights and in attention, forward and back; sums
  /// are of S. An op goes back as it went forward. A model sets its own (see begin_pass). Error: S is not rounded to
  /// it.
  void start(bool recording = true, DType precision = dtype_of<S>) {
    set_precision(precision);
    Values::clear();
    for (const Scratch& scratch : scratch_) pool_.release(scratch.memory, scratch.bytes);
    scratch_.clear();
    records_.clear();
    closures_.clear();
    pool_.next_step();
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
  Var<S, D> leaf(Parameter<S, D>& parameter) {
    Node node;
    node.value = parameter.value.data();
    node.gradient = parameter.gradient.data();
    node.shape = parameter.value.shape();
    node.parameter = &parameter;
    node.alive = parameter.life.token();
    node.needs_gradient = recording_;
    return push(node);
  }

  /// A weight that never changes. The weight must outlive the step.
  Var<S, D> constant(const Frozen<S, D>& weight) {
    Node node;
    node.shape = weight.shape();
    node.frozen = &weight;
    node.alive = weight.life.token();
    return push(node);
  }
  Var<S, D> constant(const Frozen<S, D>&&) = delete;  // a temporary would be gone before its product

  /// For closures that point to something: require_alive(watch(x.life)) is an Error once x is gone.
  Var<S, D> watch(const Life& life) { return push({.alive = life.token()}); }
  void require_alive(Var<S, D> watched) const { require_alive(node(watched)); }

  /// Numbers from outside, on the device, that outlive the step; `gradient` (same shape) receives theirs if it is
  /// given.
  Var<S, D> input(View<const S> numbers, S* gradient = nullptr) {
    require(numbers.stride == numbers.cols() || numbers.rows() <= 1,
            "Tape::input: rows must be contiguous, got stride ", numbers.stride, " for ", numbers.shape);
    Node node;
    node.value = const_cast<S*>(numbers.data);
    node.shape = numbers.shape;
    node.gradient = gradient;
    node.needs_gradient = recording_ && gradient != nullptr;
    return push(node);
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
    Node node;
    node.shape = shape;
    node.room = room;
    node.owned = true;
    node.dtype = dtype;
    node.value = pool_.acquire(bytes(node));
    return push(node);
  }
  Index room(Var<S, D> x) const { return node(x).room; }
  template <class T = S> View<T> out(Var<S, D> y) { return {numbers<T>(node(y).value, node(y)), node(y).shape}; }
  /// The same for a product, whatever its storage type.
  Result<S> result(Var<S, D> y) { return AnyView<S, void>(node(y).value, node(y).shape, node(y).dtype); }

  /// Fills y by forward(tape), one pass over `inputs`: all that it reads, two at most. Where a backward reads y and its
  /// inputs are kept anyway, y is not: its memory goes with its scope, and it is made once more when it is read. Leaves
  /// and inputs of the tape must not change before. `forward` asks for values itself, as a backward closure does, and
  /// is trivially copyable.
  template <class Forward> void fill(Var<S, D> y, std::initializer_list<Var<S, D>> inputs, const Forward& forward) {
    require(inputs.size() == 1 || inputs.size() == 2, "Tape::fill: one input or two, got ", inputs.size());
    forward(*this);
    if (recording_)
      Values::can_fill_again(y.index_, {inputs.begin()->index_, (inputs.end() - 1)->index_}, {closures_, forward});
  }

  /// Device memory that lives until the next start(): row statistics, index lists.
  template <class T> T* memory(Index count) {
    const auto size = static_cast<std::size_t>(checked_product(count, sizeof(T), "Tape"));
    void* memory = pool_.acquire(size);  // before it is noted: what could not be had must not come back to the pool
    scratch_.push_back({memory, size});
    return static_cast<T*>(memory);
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
    records_.push_back({y.index_, {closures_, backward}});
  }

  /// In a closure: the gradient of the op's output.
  template <class T = S> View<const T> gradient(Var<S, D> y) const {
    return {numbers<T>(node(y).gradient, node(y)), node(y).shape};
  }

  /// In a closure: where the gradient of an input goes; false if none is wanted. Asking is promising to write all of
  /// it.
  template <class T = S> Into<T> into(Var<S, D> x) {
    const Result<S> gradient = gradient_result(x);
    if (!gradient) return {};
    return {{numbers<T>(gradient.view.data, node(x)), node(x).shape}, gradient.add};
  }
  /// The same for a product, whatever its storage type.
  Result<S> gradient_result(Var<S, D> x) {
    Node& n = node(x);
    if (!n.needs_gradient) return {};
    require_alive(n);
    if (!n.gradient) n.gradient = pool_.acquire(bytes(n));
    bool& has = n.parameter ? n.parameter->has_gradient : n.has_gradient;
    return {AnyView<S, void>(n.gradient, n.shape, n.dtype), std::exchange(has, true)};
  }

  /// In a closure, as its last use of gradient(y): dy as a contribution to x, of the same shape. Its memory changes
  /// hands where nothing came to x before; false where something did, or nothing is wanted, and the closure has to add.
  bool hand_over(Var<S, D> y, Var<S, D> x) {
    Node &from = node(y), &to = node(x);
    if (!to.needs_gradient || to.gradient || !to.owned || !from.owned || from.dtype != to.dtype ||
        bytes(from) != bytes(to))
      return false;
    to.gradient = std::exchange(from.gradient, nullptr);
    to.has_gradient = true;
    return true;
  }

  /// The same value with nothing going back.
  Var<S, D> stop_gradient(Var<S, D> x) {
    if (node(x).frozen) return x;
    Values::value_at(x.index_, *this);
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
    walk_back(0);
  }

  // ---- scopes

  /// While it lives, values made belong to it; at its end those that no backward reads are released. A block of a model
  /// is one scope.
  class Scope {
   public:
    /// `taken`: a value from outside that is the scope's to release, such as the residual stream that enters a block.
    explicit Scope(Tape& tape, Var<S, D> taken = {}) : tape_(tape), first_(tape.nodes_.size()), taken_(taken) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    /// The value that outlives the scope.
    Var<S, D> keep(Var<S, D> x) { return kept_ = x; }
    ~Scope() {
      for (std::size_t index = tape_.nodes_.size();
           index-- > first_;)  // from the end: what fills a value again is saved before its turn
        if (kept_.tape_ == nullptr || index != kept_.index_) tape_.end_of_scope(tape_.nodes_[index]);
      if (taken_.tape_ && taken_.index_ != kept_.index_) tape_.end_of_scope(tape_.nodes_[taken_.index_]);
    }

   private:
    Tape& tape_;
    std::size_t first_;
    Var<S, D> taken_, kept_;
  };

  /// Made again where it is not there and can be. Error: it is gone.
  template <class T = S> View<const T> value(Var<S, D> x) {
    const void* value = value_of(x);
    return {numbers<const T>(value, node(x)), node(x).shape};
  }
  /// The same, or in a closure the gradient of an op's output, as an operand of products: numbers of S are rounded to
  /// `precision` as they are multiplied.
  Operand<S> operand(Var<S, D> x, DType precision) {
    const void* value = value_of(x);
    return {AnyView<S>(value, node(x).shape, node(x).dtype), precision};
  }
  Operand<S> gradient_operand(Var<S, D> y, DType precision) const {
    return {AnyView<S>(node(y).gradient, node(y).shape, node(y).dtype), precision};
  }
  const Node& node(Var<S, D> x) const {
    require(x.tape_ == this, "Tape: a Var of ", x.tape_ ? "another tape" : "no tape",
            " was used; the inputs of an op must lie on one tape");
    require(x.step_ == step_, "Tape: a Var of step ", x.step_, " was used in step ", step_,
            "; Vars live until the next start(), make it anew");
    return nodes_[x.index_];
  }
  Node& node(Var<S, D> x) { return const_cast<Node&>(std::as_const(*this).node(x)); }
  /// The weight behind a constant, else null.
  const Frozen<S, D>* frozen(Var<S, D> x) const {
    const Node& n = node(x);
    if (n.frozen) require_alive(n);
    return n.frozen;
  }
  bool recording() const { return recording_; }
  /// Bytes of the pool, in use or kept for the next step.
  std::size_t memory_held() const { return pool_.total(); }

 private:
  friend struct detail::Recomputation<S, D>;
  struct Record {
    std::uint32_t output = 0;
    Closure<Tape> backward;
  };
  struct Scratch {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };
  const void* value_of(Var<S, D> x) {
    node(x);  // its Errors come first
    return Values::value_at(x.index_, *this);
  }
  template <StorageOf<S> T, class Memory> static T* numbers(Memory* memory, const Node& node) {
    require(node.dtype == dtype_of<std::remove_const_t<T>>, "Tape: a value of shape ", node.shape, " is stored as ",
            node.dtype, " and was asked for as ", dtype_of<std::remove_const_t<T>>,
            "; let the op that made it store it so");
    return static_cast<T*>(memory);
  }
  Var<S, D> push(const Node& node) {
    nodes_.push_back(node);
    nodes_.back().room = std::max(node.room, node.shape.rows());
    return Var<S, D>(this, static_cast<std::uint32_t>(nodes_.size() - 1), step_);
  }
  /// Walks the records back to the first one asked for.
  void walk_back(std::size_t first) {
    for (std::size_t at = records_.size(); at-- > first;) {
      const Record record = records_[at];  // a copy: what is recomputed is recorded too
      if (nodes_[record.output].has_gradient) record.backward(*this);
      if (!is_number(nodes_[record.output])) release(nodes_[record.output]);
    }
    records_.resize(first);
  }
  Arena closures_;
  std::vector<Record> records_;
  std::vector<Scratch> scratch_;
  detail::Passes passes_;
  std::uint32_t step_ = 0;
  DType precision_ = dtype_of<S>;
  bool recording_ = true, walked_ = false;
};

}}  // namespace neutra::NEUTRA_ABI
