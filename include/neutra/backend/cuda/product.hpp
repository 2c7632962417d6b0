/// Matrix products: what a product of operands asks of cuBLASLt, and the passes before and after it.
///
/// Operands that are to be rounded are rounded into a buffer first. An addend or a bias goes into the product where
/// cuBLASLt adds it before it rounds the result; elsewhere the sums go to a buffer, and one pass adds and rounds.
#pragma once

#include "neutra/backend/cuda/loops.hpp"
#include "neutra/backend/operand.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// to = from, in the type of `to`
template <Scalar S, class From, class T> struct Convert {
  View<const From> from;
  View<T> to;
  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(from.cols(), [&](auto c) { c.store(to.row(n), c.load(from.row(n))); });
  }
};

/// c = sums + addend, or c += sums + addend; none where null
template <Scalar S, class T> struct AddAndRound {
  View<const S> sums, addend;
  Into<T> c;
  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(c.view.cols(), [&](auto lanes) {
      S x = sums.data ? lanes.load(sums.row(n)) : S(0);
      if (addend.data) x = x + lanes.load(addend.row(n));
      lanes.write(c, n, x);
    });
  }
};

namespace detail {

/// The right operand of a product: a matrix of numbers that are rounded already.
struct Right {
  MatrixAt at;
  Index rows, cols;
  DType precision;
};

template <Scalar S> void check(const Operand<S>& a, const Right& b, const Result<S>& c, const View<const S>& addend) {
  require(a.cols() == b.rows, "product: a (M,K) and b (K,N) must agree in K, got a (", a.rows(), ",", a.cols(),
          ") and b (", b.rows, ",", b.cols, ")");
  require(c.view.rows() == a.rows() && c.view.cols() == b.cols, "product: c must be (", a.rows(), ",", b.cols,
          ") for a (", a.rows(), ",", a.cols(), ") and b (", b.rows, ",", b.cols, "), got ", c.view.shape);
  require(stores<S>(a.precision), "product: numbers of ", dtype_of<S>, " are not rounded to ", a.precision);
  require(a.precision == b.precision, "product: both operands must be rounded alike, got a in ", a.precision,
          " and b in ", b.precision);
  require(c.view.dtype == dtype_of<S> || c.view.dtype == a.precision, "product: the result is rounded to ",
          c.view.dtype, " only where both operands are; give it to memory of ", dtype_of<S>);
  require(!addend.data || (addend.rows() == a.rows() && addend.cols() == b.cols),
          "product: the addend must have the shape of c, ", c.view.shape, ", got ", addend.shape);
}

/// The operand as it stands if its type is its precision; otherwise rounded, in a buffer.
template <Scalar S> MatrixAt rounded(const Operand<S>& x, Buffer purpose) {
  if (x.view.dtype == x.precision) return {x.view.data, x.view.stride, x.transposed};
  return with_dtype<S>(x.precision, [&]<class T>() -> MatrixAt {
    T* to = buffer<T>(purpose, x.view.size());
    x.view.visit([&]<class From>(const View<From>& from) {
      using Number = std::remove_const_t<From>;
      rows<S>(from.rows(), 2 * from.cols(), Convert<S, Number, T>{from, View<T>(to, x.view.shape)});
    });
    return {to, x.view.cols(), x.transposed};
  });
}

/// c = sums + addend (or c += ...), rounded once.
template <Scalar S> void add_and_round(View<const S> sums, View<const S> addend, const Result<S>& c) {
  c.visit([&]<class T>(const Into<T>& into) {
    rows<S>(c.view.rows(), 3 * c.view.cols(), AddAndRound<S, T>{sums, addend, into});
  });
}

template <Scalar S> void multiply(const Operand<S>& a, const Right& b, const Result<S>& c, View<const S> addend) {
  check(a, b, c, addend);
  const Index m = a.rows(), n = b.cols;
  if (m * n == 0) return;
  if (a.cols() == 0) return add_and_round(View<const S>{}, addend, c);
  const bool has_bias = addend.data && (addend.stride == 0 || m == 1);  // one row, for each row of c
  // cuBLASLt adds an addend of the type of c, and no bias of double.
  const bool whole = !addend.data || (!c.add && c.view.dtype == dtype_of<S> && !(has_bias && sizeof(S) == 8));
  const View<S> sums(whole ? nullptr : buffer<S>(Buffer::sums, m * n), Shape{m, n});
  MatmulTask task{.numbers = a.precision,
                  .result = whole ? c.view.dtype : dtype_of<S>,
                  .rows = m,
                  .cols = n,
                  .depth = a.cols(),
                  .a = rounded(a, Buffer::left),
                  .b = b.at,
                  .c = whole ? c.view.data : sums.data,
                  .c_stride = whole ? c.view.stride : n,
                  .adds = whole && c.add};
  if (whole && has_bias)
    task.bias = addend.data;
  else if (whole && addend.data)
    task.addend = addend.data, task.addend_stride = addend.stride;
  matmul(task);
  if (!whole) add_and_round(View<const S>(sums), addend, c);
}

/// Counts the elements whose bits are not those of the same elements in another type.
template <Scalar S, class From, class T> struct LostBits {
  View<const From> from;
  View<const T> to;
  Into<S> lost;  // one number per row
  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S sum = row.sum(from.cols(), [&](auto c) {
      const S before = c.load(from.row(n)), after = c.load(to.row(n));
      return before == after ? S(0) : S(1);
    });
    row.once([&] { *lost.view.row(n) = sum; });
  }
};

}  // namespace detail

/// A right operand that is held in its precision, row-major as it was given, once for many products.
template <Scalar S> class Packed {
 public:
  Packed() = default;
  explicit Packed(const Operand<S>& b) : shape_(b.view.shape), transposed_(b.transposed), precision_(b.precision) {
    with_dtype<S>(precision_, [&]<class T>() {
      bytes_ = Tensor<std::uint8_t, Memory>(Shape{shape_.size() * Index{sizeof(T)}});
      b.view.visit([&]<class From>(const View<From>& from) { keep<std::remove_const_t<From>, T>(from); });
    });
  }

  Index rows() const { return transposed_ ? shape_.cols() : shape_.rows(); }
  Index cols() const { return transposed_ ? shape_.rows() : shape_.cols(); }
  DType precision() const { return precision_; }
  bool exact() const { return exact_; }
  bool empty() const { return bytes_.empty(); }
  /// Rows first, first + 1, ... of the matrix that the operand viewed.
  void unpack(View<S> into, Index first = 0) const {
    require(into.cols() == shape_.cols() && first >= 0 && first + into.rows() <= shape_.rows(), "Packed::unpack: rows ",
            first, " on of ", shape_, " do not fit in ", into.shape);
    with_dtype<S>(precision_, [&]<class T>() {
      gpu::rows<S>(into.rows(), 2 * into.cols(), Convert<S, T, S>{numbers<T>().slice(first, into.rows()), into});
    });
  }
  detail::Right right(bool transpose = false) const {
    require(!empty() || shape_.size() == 0, "product: b has been moved from");
    return {{bytes_.data(), shape_.cols(), transposed_ != transpose},
            transpose ? cols() : rows(),
            transpose ? rows() : cols(),
            precision_};
  }

 private:
  template <class T> View<const T> numbers() const {
    return {reinterpret_cast<const T*>(bytes_.data()), Shape{shape_.rows(), shape_.cols()}};
  }
  template <class From, class T> void keep(View<const From> from) {
    const View<T> to(reinterpret_cast<T*>(bytes_.data()), Shape{shape_.rows(), shape_.cols()});
    gpu::rows<S>(from.rows(), 2 * from.cols(), Convert<S, From, T>{from, to});
    if (std::is_same_v<From, T> || shape_.size() == 0) return;
    // The numbers of rows are added up in double, so that one lost bit of many shows.
    S* const lost = buffer<S>(Buffer::left, from.rows() + 1);
    S* const all = lost + from.rows();
    gpu::rows<S>(from.rows(), 2 * from.cols(),
                 detail::LostBits<S, From, T>{from, to, {View<S>(lost, Shape{from.rows(), 1})}});
    gpu::sum<S>(View<const S>(lost, Shape{from.rows()}), S(1), {View<S>(all, Shape{1})});
    exact_ = Memory::read(all) == S(0);
  }

  Tensor<std::uint8_t, Memory> bytes_;
  Shape shape_{0, 0};
  bool transposed_ = false;
  DType precision_ = dtype_of<S>;
  bool exact_ = true;
};

/// c = a b, or c += a b; then + addend.      a: (M,K)  b: (K,N)  c, addend: (M,N)
/// Error: shapes that do not agree; operands that are rounded to different types.
template <Scalar S> void product(const Operand<S>& a, const Operand<S>& b, const Result<S>& c, View<const S> addend) {
  detail::check(a, {{}, b.rows(), b.cols(), b.precision}, c, addend);
  if (a.rows() * b.cols() == 0) return;
  detail::multiply(a, {detail::rounded(b, Buffer::right), b.rows(), b.cols(), b.precision}, c, addend);
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
