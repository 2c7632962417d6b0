/// Row-major values of a weight, in the type that they are stored as.
#pragma once

#include "neutra/backend/backend.hpp"

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {
namespace detail {

/// to[first + n] = from[n], widened.
template <Scalar S, class T> struct Widened {
  View<const T> from;
  View<S> to;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(to.cols(), [&](auto c) { c.store(to.row(n), c.load(from.row(n))); });
  }
};

}  // namespace detail

/// A row-major array of S, or of a type that S is rounded to: its own memory, or memory lent for a while, such as a
/// mapped file. Const but for own().
template <Scalar S, Backend D> class RowMajor {
 public:
  RowMajor() = default;
  /// Takes a tensor of D or, if D uses host memory, of the host.
  template <StorageOf<S> T, class E>
  requires(std::same_as<E, D> || (std::derived_from<D, Host> && std::derived_from<E, Host>))
      RowMajor(Tensor<T, E> values) {
    const auto own = std::make_shared<const Tensor<T, E>>(std::move(values));
    view_ = View<const T>(own->view());
    memory_ = own;
  }
  /// Memory of the device that the caller lends: it must not change before own(), or before the last copy is gone. Both
  /// release `lender`.
  RowMajor(const AnyView<S>& values, std::shared_ptr<const void> lender)
      : view_(values), memory_(std::move(lender)), lent_(true) {}

  const AnyView<S>& view() const { return view_; }
  const Shape& shape() const { return view_.shape; }
  bool empty() const { return memory_ == nullptr; }

  /// Replaces lent memory by a copy.
  void own() {
    if (lent_) *this = view_.visit([]<class T>(const View<const T>& lent) { return RowMajor(copied<T>(lent)); });
  }
  /// Writes rows first, first + 1, ... as S, as many as `into` has.
  void read(View<S> into, Index first = 0) const {
    view_.visit([&]<class T>(const View<const T>& values) {
      const View<const T> from = values.slice(first, into.rows());
      D::template rows<S>(into.rows(), into.cols(), detail::Widened<S, T>{from, into});
    });
  }

 private:
  template <class T> static Tensor<T, D> copied(const View<const T>& values) {
    Tensor<T, D> copy(values.shape);
    D::copy(values.data, copy.data(), static_cast<std::size_t>(values.size()) * sizeof(T));
    return copy;
  }

  AnyView<S> view_;
  std::shared_ptr<const void> memory_;
  bool lent_ = false;
};

}}  // namespace neutra::NEUTRA_ABI
