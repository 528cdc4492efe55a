"""Expressions whose values and derivatives real TensorFlow recorded: tools/tensorflow_reference.py.

One a line. Before an expression, `~` says that a compiled function cannot compute it (the size of
its result depends on numbers), `!` that no derivative is compared.
"""

import numpy as np

_rng = np.random.default_rng(7)


def _normal(*shape):
    return _rng.normal(size=shape).astype("float32")


INPUTS = {
    "F": _normal(3, 4),
    "G": _normal(3, 4),
    "P": np.abs(_normal(3, 4)) + 0.3,
    "U": np.clip(_normal(3, 4) * 0.4, -0.9, 0.9),
    "V": _normal(4),
    "M": _normal(3, 4, 5),
    "N": _normal(3, 5, 2),
    "D": _normal(3, 4).astype("float64"),
    "SPD": (lambda a: a @ a.T + 3 * np.eye(4, dtype="float32"))(_normal(4, 4)),
    "I": _rng.integers(-9, 10, (3, 4)).astype("int32"),
    "J": _rng.integers(1, 6, (3, 4)).astype("int32"),
    "L": np.array([2, 0, 3], "int32"),
    "IDS": np.array([0, 2, 2], "int32"),
    "B": _rng.random((3, 4)) > 0.5,
    "C": _rng.random((3, 4)) > 0.5,
    "Z": (_normal(3, 4) + 1j * _normal(3, 4)).astype("complex64"),
    "X1": _normal(2, 8, 3),
    "X2": _normal(2, 6, 5, 3),
    "X3": _normal(2, 4, 4, 4, 2),
    "K1": _normal(3, 3, 4),
    "K2": _normal(3, 3, 3, 4),
    "K3": _normal(2, 2, 2, 2, 3),
    "KD": _normal(3, 3, 3, 2),
    "KP": _normal(1, 1, 6, 4),
    "Y2": _normal(2, 3, 3, 4),
    "PIC": _rng.random((2, 6, 5, 3)).astype("float32"),
    "BYTES": _rng.integers(0, 256, (6, 5, 3)).astype("uint8"),
    "W": np.array([b"hello world", b"", b"abc 12 x"], object),
}

CASES = {
    "elementwise": """
tf.abs(F)
tf.acos(U)
tf.acosh(P + 1.0)
tf.asin(U)
tf.asinh(F)
tf.atan(F)
tf.atan2(F, G)
tf.atanh(U)
!tf.math.ceil(F)
!tf.clip_by_value(F, -0.5, 0.5)
tf.cos(F)
tf.cosh(F)
tf.math.digamma(P)
tf.divide(F, P)
tf.math.divide_no_nan(F, tf.maximum(G, 0.0))
tf.math.erf(F)
tf.math.erfc(F)
tf.math.erfinv(U)
tf.math.erfcinv(P / 4.0)
tf.math.ndtri(tf.clip_by_value(P / 4.0, 0.05, 0.9))
tf.exp(F)
tf.math.expm1(F)
!tf.floor(F)
!F // P
!I // J
!F % P
!I % J
!tf.math.floormod(I, -J)
!tf.truncatediv(I, J)
!tf.truncatemod(I, J)
!I / J
tf.math.lgamma(P)
tf.math.log(P)
tf.math.log1p(P)
tf.math.log_sigmoid(F)
tf.maximum(F, G)
tf.minimum(F, G)
tf.multiply(F, G)
tf.math.multiply_no_nan(F, tf.cast(B, tf.float32))
!tf.math.nextafter(F, G)
tf.negative(F)
tf.pow(P, F)
F ** 2
F ** 3.0
2.0 ** F
!I ** 2
!2 ** J
tf.math.reciprocal(P)
tf.math.reciprocal_no_nan(P)
!tf.math.rint(F * 3)
!tf.round(F * 3)
!tf.round(I)
tf.math.rsqrt(P)
tf.scalar_mul(2.5, F)
tf.sigmoid(F)
!tf.sign(F)
!tf.sign(I)
tf.sin(F)
tf.sinh(F)
tf.sqrt(P)
tf.square(F)
tf.math.squared_difference(F, G)
tf.subtract(F, G)
tf.tan(U)
tf.tanh(F)
tf.math.xdivy(F, P)
tf.math.xlogy(F, P)
tf.math.xlog1py(F, P)
!tf.equal(I, J)
!tf.not_equal(I, J)
!tf.less(F, G)
!F >= G
!I > J
!tf.logical_and(B, C)
!tf.logical_or(B, C)
!tf.math.logical_xor(B, C)
!tf.logical_not(B)
!B & C
!B | C
!B ^ C
!(~B)
!I & J
!I ^ J
!tf.bitwise.left_shift(J, J)
!tf.bitwise.right_shift(I, J)
!tf.bitwise.invert(I)
!tf.math.is_nan(tf.math.log(F))
!tf.math.is_inf(F / 0.0)
!tf.math.is_finite(F / 0.0)
!tf.math.angle(Z)
!tf.math.conj(Z)
!tf.math.real(Z)
!tf.math.imag(Z)
!tf.abs(Z)
!tf.complex(F, G)
F + V
V - F
D * 2
!I + 3
3 - F
1 / P
F @ tf.transpose(G)
-F
abs(F)
tf.math.polyval([1.0, F, V], G)
""",
    "reduce": """
tf.reduce_sum(F)
tf.reduce_sum(F, axis=1)
tf.reduce_sum(F, axis=[0, 1], keepdims=True)
tf.reduce_sum(M, axis=-1)
!tf.reduce_sum(I, axis=0)
tf.reduce_mean(F, axis=0)
!tf.reduce_mean(I)
!tf.reduce_mean(I, axis=1)
tf.reduce_max(F, axis=1)
tf.reduce_min(F)
!tf.reduce_max(I, axis=0)
tf.reduce_prod(P, axis=1)
!tf.reduce_all(B, axis=1)
!tf.reduce_any(B)
tf.reduce_logsumexp(F, axis=1)
tf.math.reduce_std(F, axis=0)
tf.math.reduce_variance(F)
tf.math.reduce_euclidean_norm(F, axis=1)
!tf.argmax(F, axis=1)
!tf.argmax(F)
!tf.argmin(F, axis=-1, output_type=tf.int32)
!tf.math.count_nonzero(J - 2, axis=1)
!tf.math.zero_fraction(tf.nn.relu(F))
tf.add_n([F, G, F])
tf.cumsum(F, axis=1)
tf.cumsum(F, axis=0, exclusive=True)
tf.cumsum(F, axis=1, reverse=True)
tf.cumsum(F, axis=1, exclusive=True, reverse=True)
tf.math.cumprod(P, axis=1)
!tf.math.cumulative_logsumexp(F, axis=1)
!~tf.math.bincount(tf.reshape(J, [-1]))
!tf.math.bincount(tf.reshape(J, [-1]), minlength=8, maxlength=8)
!~tf.math.bincount(tf.reshape(J, [-1]), weights=tf.reshape(F, [-1]))
!~tf.math.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 1])
!tf.math.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 1], num_classes=4)
!tf.histogram_fixed_width(F, [-2.0, 2.0], nbins=5)
!tf.math.is_strictly_increasing([1, 2, 3])
!tf.math.is_non_decreasing([1, 1, 0])
tf.math.unsorted_segment_sum(F, IDS, 4)
tf.math.unsorted_segment_mean(F, IDS, 4)
tf.math.unsorted_segment_sqrt_n(F, IDS, 4)
!tf.math.unsorted_segment_max(F, IDS, 4)
!tf.math.unsorted_segment_min(F, IDS, 4)
!tf.math.unsorted_segment_prod(F, IDS, 4)
!~tf.math.segment_sum(F, IDS)
!~tf.math.segment_mean(F, IDS)
!~tf.math.segment_max(F, IDS)
!tf.math.invert_permutation([2, 0, 1])
!~tf.dynamic_partition(F, IDS, 3)[2]
!~tf.dynamic_stitch([[0, 2], [1]], [[[1.0], [2.0]], [[3.0]]])
""",
    "layout": """
tf.reshape(F, [4, -1])
tf.reshape(F, tf.shape(tf.transpose(F)))
tf.squeeze(F[tf.newaxis, :, :, tf.newaxis])
tf.squeeze(F[None], axis=[0])
tf.expand_dims(F, -1)
tf.transpose(M, [1, 0, 2])
tf.concat([F, G], 1)
tf.concat([F, G], axis=-2)
tf.stack([F, G], axis=1)
tf.unstack(F, axis=1)[2]
tf.split(F, 2, axis=1)[1]
tf.split(M, [1, -1, 1], 1)[1]
tf.tile(F, [2, 1])
tf.repeat(F, 2, axis=1)
!tf.repeat(I, [1, 0, 2], axis=0)
tf.broadcast_to(V, [3, 4])
tf.reverse(F, [1])
tf.reverse_sequence(M, [2, 4, 1], seq_axis=1, batch_axis=0)
tf.roll(F, shift=[1, -1], axis=[0, 1])
tf.slice(F, [1, 0], [2, -1])
tf.strided_slice(F, [0, 1], [3, 4], [2, 1])
tf.pad(F, [[1, 0], [0, 2]])
tf.pad(F, [[1, 1], [1, 1]], mode='REFLECT')
tf.pad(F, [[1, 1], [2, 1]], mode='SYMMETRIC')
tf.pad(F, [[1, 1], [0, 0]], constant_values=2.5)
!tf.meshgrid(V, tf.range(3.0))[1]
!tf.meshgrid(V, tf.range(3.0), indexing='ij')[0]
tf.where(B, F, G)
tf.where(F > 0, F, 0.0)
!~tf.where(B)
!tf.sort(F, axis=1)
!tf.sort(F, axis=0, direction='DESCENDING')
!tf.argsort(F, axis=1)
!tf.argsort(I, direction='DESCENDING', stable=True)
!tf.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 6.0])
!tf.searchsorted([[1, 3, 5], [2, 4, 6]], [[3], [7]], side='right')
tf.math.top_k(F, 2).values
!tf.math.top_k(F, 2).indices
!tf.math.in_top_k([1, 0, 3], F, 2)
!~tf.unique([3, 1, 3, 2, 1]).y
!~tf.unique([3, 1, 3, 2, 1]).idx
!~tf.unique_with_counts([3, 1, 3, 2, 1]).count
!tf.sequence_mask(L, 5)
!tf.sequence_mask(L, 5, dtype=tf.float32)
!tf.unravel_index([5, 11], [3, 4])
!tf.one_hot(L, 4)
!tf.one_hot(L, 4, on_value=2, off_value=-1, axis=0)
!tf.one_hot(I, 3, dtype=tf.int32)
tf.gather(F, [2, 0, 2])
tf.gather(F, [[0, 1]], axis=1)
tf.gather(M, [[0, 1], [1, 1], [3, 0]], axis=1, batch_dims=1)
tf.gather_nd(F, [[0, 1], [2, 3]])
tf.gather_nd(M, [[0], [3], [1]], batch_dims=1)
~tf.boolean_mask(F, B)
~F[F > 0]
tf.scatter_nd([[1], [3], [1]], F, [5, 4])
tf.tensor_scatter_nd_update(F, [[0], [2]], G[:2])
tf.tensor_scatter_nd_add(F, [[0, 1], [0, 1]], [1.0, 2.0])
tf.tensor_scatter_nd_sub(F, [[1]], [V])
!tf.tensor_scatter_nd_max(F, [[1]], [V])
F[1]
F[1:, ::2]
F[..., -1]
M[:, tf.newaxis, 2:0:-1, 0]
F[L[0]]
!tf.shape(M)
!tf.size(M)
!tf.rank(M)
!tf.range(2, 10, 3)
!tf.range(3.0)
!tf.linspace(0.0, 1.0, 5)
!tf.eye(3, 4, dtype=tf.float64)
!tf.eye(2, batch_shape=[3])
!tf.fill([2, 3], 7)
!tf.zeros_like(I)
!tf.ones_like(F)
!tf.constant([[1, 2], [3, 4]])
!tf.constant(3, dtype=tf.float32, shape=[2, 2])
!tf.constant([1.5, 2])
!tf.cast(F * 3, tf.int32)
!tf.cast(B, tf.float32)
!tf.saturate_cast(F * 300, tf.uint8)
!tf.bitcast(F, tf.int32)
tf.space_to_batch(X2, [2, 2], [[0, 0], [1, 0]])
tf.batch_to_space(tf.tile(X2, [2, 1, 1, 1]), [2, 2], [[0, 1], [1, 0]])
tf.identity(F)
tf.stop_gradient(F) * G
!tf.convert_to_tensor([1.0, 2.0], dtype=tf.float64)
""",
    "linalg": """
tf.matmul(F, G, transpose_b=True)
tf.matmul(M, N)
tf.matmul(F, G, transpose_a=True)
!tf.matmul(I, J, transpose_b=True)
tf.linalg.matvec(F, V)
tf.tensordot(F, M, axes=[[0, 1], [0, 1]])
tf.tensordot(F, tf.transpose(G), axes=1)
tf.einsum('ij,kj->ik', F, G)
tf.einsum('bij, bjk -> bk', M, N)
tf.norm(F)
tf.norm(F, axis=1)
tf.norm(F, ord=1, axis=0)
!tf.norm(F, ord=np.inf, axis=1, keepdims=True)
tf.linalg.normalize(F, axis=1)[0]
tf.math.l2_normalize(F, axis=1)
tf.linalg.global_norm([F, V])
tf.clip_by_norm(F, 1.5)
tf.clip_by_norm(F, 1.0, axes=[1])
tf.clip_by_global_norm([F, V], 1.5)[0][0]
tf.linalg.trace(SPD)
tf.linalg.matrix_transpose(M)
tf.linalg.diag(F)
tf.linalg.diag(V, k=1)
tf.linalg.diag_part(SPD)
tf.linalg.set_diag(SPD, V)
tf.linalg.tensor_diag(V)
tf.linalg.tensor_diag_part(SPD)
tf.linalg.band_part(SPD, 1, 0)
tf.linalg.band_part(SPD, -1, 1)
tf.linalg.cross(F[:, :3], G[:, :3])
tf.linalg.det(SPD)
tf.linalg.logdet(SPD)
!tf.linalg.slogdet(SPD)[1]
tf.linalg.inv(SPD)
!tf.linalg.pinv(F)
tf.linalg.solve(SPD, tf.transpose(F))
tf.linalg.triangular_solve(tf.linalg.band_part(SPD, -1, 0), tf.transpose(F))
!tf.linalg.triangular_solve(tf.linalg.band_part(SPD, -1, 0), tf.transpose(F), adjoint=True)
tf.linalg.cholesky(SPD)
!tf.linalg.cholesky_solve(tf.linalg.cholesky(SPD), tf.transpose(F))
!tf.abs(tf.linalg.qr(SPD)[1])
!tf.linalg.svd(F, compute_uv=False)
!tf.linalg.svd(F)[0]
!tf.linalg.eigvalsh(SPD)
!tf.linalg.lstsq(tf.transpose(F), V[:, None])
!tf.linalg.lstsq(tf.transpose(F), V[:, None], l2_regularizer=0.1)
!tf.linalg.matrix_rank(F)
!tf.linalg.expm(SPD / 5)
!tf.linalg.adjoint(Z)
""",
    "nn": """
tf.nn.relu(F)
tf.nn.relu6(F * 4)
tf.nn.elu(F)
tf.nn.selu(F)
tf.nn.leaky_relu(F)
tf.nn.leaky_relu(F, alpha=0.1)
tf.nn.crelu(F)
tf.nn.gelu(F)
tf.nn.gelu(F, approximate=True)
tf.nn.silu(F)
tf.nn.swish(F)
tf.nn.softplus(F)
tf.nn.softsign(F)
tf.nn.tanh(F)
tf.nn.softmax(F)
tf.nn.softmax(F, axis=0)
tf.nn.log_softmax(F)
tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(G), logits=F)
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=L, logits=F)
tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(B, tf.float32), logits=F)
tf.nn.weighted_cross_entropy_with_logits(labels=tf.cast(B, tf.float32), logits=F, pos_weight=2.0)
tf.nn.log_poisson_loss(P, F)
tf.nn.log_poisson_loss(P, F, compute_full_loss=True)
tf.nn.l2_loss(F)
tf.nn.bias_add(F, V)
tf.nn.bias_add(X2, [1.0, 2.0, 3.0])
tf.nn.moments(F, axes=[0])[0]
tf.nn.moments(X2, axes=[0, 1, 2])[1]
tf.nn.moments(F, axes=[1], keepdims=True)[1]
tf.nn.weighted_moments(F, [0], P)[1]
tf.nn.batch_normalization(F, V, tf.abs(V) + 0.1, V, None, 1e-3)
tf.nn.batch_normalization(F, V, tf.abs(V) + 0.1, None, V, 1e-3)
tf.nn.local_response_normalization(X2, depth_radius=1, alpha=0.3)
tf.nn.embedding_lookup(F, [[0, 2], [1, 1]])
tf.nn.compute_average_loss(V, global_batch_size=8)
tf.nn.conv1d(X1, K1, 1, 'SAME')
tf.nn.conv1d(X1, K1, 2, 'VALID')
tf.nn.conv2d(X2, K2, 1, 'SAME')
tf.nn.conv2d(X2, K2, [1, 2, 2, 1], 'SAME')
tf.nn.conv2d(X2, K2, strides=[1, 2], padding='VALID')
tf.nn.conv2d(X2, K2, 1, [[0, 0], [1, 1], [0, 2], [0, 0]])
tf.nn.conv2d(X2, K2, 1, 'SAME', dilations=2)
tf.nn.conv3d(X3, K3, [1, 1, 1, 1, 1], 'SAME')
tf.nn.convolution(X2, K2, padding='VALID')
tf.nn.atrous_conv2d(X2, K2, 2, 'SAME')
tf.nn.conv2d_transpose(Y2, K2, [2, 6, 5, 3], 2, 'SAME')
tf.nn.conv2d_transpose(Y2, K2, [2, 5, 5, 3], [1, 1, 1, 1], 'VALID')
tf.nn.conv1d_transpose(tf.nn.conv1d(X1, K1, 2, 'SAME'), K1, [2, 8, 3], 2)
tf.nn.depthwise_conv2d(X2, KD, [1, 1, 1, 1], 'SAME')
tf.nn.depthwise_conv2d(X2, KD, [1, 2, 2, 1], 'VALID')
tf.nn.separable_conv2d(X2, KD, KP, [1, 1, 1, 1], 'SAME')
tf.nn.max_pool2d(X2, 2, 2, 'VALID')
tf.nn.max_pool2d(X2, [1, 3, 2, 1], [1, 2, 1, 1], 'SAME')
tf.nn.avg_pool2d(X2, 2, 2, 'SAME')
tf.nn.max_pool1d(X1, 2, 2, 'VALID')
tf.nn.avg_pool3d(X3, 2, 2, 'SAME')
tf.nn.max_pool(X2, 2, 1, 'SAME')
tf.nn.pool(X2, [2, 2], 'AVG', strides=[2, 2], padding='SAME')
!tf.nn.max_pool_with_argmax(X2, 2, 2, 'SAME')[0]
!tf.nn.max_pool_with_argmax(X2, 2, 2, 'SAME')[1]
!tf.nn.max_pool_with_argmax(X2, 2, 2, 'VALID', include_batch_in_index=True)[1]
tf.nn.depth_to_space(Y2, 2)
tf.nn.space_to_depth(X2[:, :, :4], 2)
!tf.nn.dilation2d(X2, K2[:, :, :, 0], [1, 1, 1, 1], 'SAME', 'NHWC', [1, 1, 1, 1])
!tf.nn.ctc_loss([[1, 2], [2, 1]], tf.transpose(X1, [1, 0, 2]), [2, 1], [8, 6], blank_index=0)
!tf.nn.sufficient_statistics(F, [0])[2]
!tf.nn.zero_fraction(tf.nn.relu(F))
""",
    "image": """
tf.image.resize(PIC, [3, 4])
tf.image.resize(PIC, [9, 7])
tf.image.resize(PIC, [9, 7], method='nearest')
tf.image.resize(PIC, [9, 8], method='bicubic')
!tf.image.resize(PIC, [3, 5], method='area')
!tf.image.resize(BYTES, [4, 4])
!tf.image.resize(PIC, [3, 3], antialias=True)
!tf.image.resize(PIC, [3, 3], preserve_aspect_ratio=True)
!tf.image.resize_with_pad(PIC, 8, 8)
!tf.image.resize_with_crop_or_pad(PIC, 4, 8)
tf.image.pad_to_bounding_box(PIC, 1, 2, 9, 8)
tf.image.crop_to_bounding_box(PIC, 1, 2, 3, 2)
tf.image.central_crop(PIC, 0.5)
tf.image.flip_left_right(PIC)
tf.image.flip_up_down(PIC)
tf.image.transpose(PIC)
tf.image.rot90(PIC)
tf.image.crop_and_resize(PIC, [[0.1, 0.2, 0.8, 0.9], [0.0, 0.0, 1.2, 1.0]], [0, 1], [3, 4])
tf.image.image_gradients(PIC)[0]
tf.image.sobel_edges(PIC)
tf.image.total_variation(PIC)
tf.image.psnr(PIC, PIC * 0.9, 1.0)
!tf.image.ssim(tf.tile(PIC, [1, 2, 3, 1]), tf.tile(PIC, [1, 2, 3, 1]) * 0.8, 1.0)
!~tf.image.non_max_suppression([[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1]], [0.9, 0.8], 3)
!tf.image.convert_image_dtype(BYTES, tf.float32)
!tf.image.convert_image_dtype(PIC, tf.uint8)
!tf.image.convert_image_dtype(BYTES, tf.uint16)
tf.image.adjust_brightness(PIC, 0.2)
!tf.image.adjust_brightness(BYTES, 0.2)
!tf.image.adjust_contrast(PIC, 1.7)
!tf.image.adjust_hue(PIC, 0.2)
!tf.image.adjust_saturation(PIC, 0.6)
!tf.image.adjust_gamma(PIC, 0.6, 1.1)
tf.image.per_image_standardization(PIC)
tf.image.rgb_to_grayscale(PIC)
!tf.image.rgb_to_grayscale(BYTES)
!tf.image.grayscale_to_rgb(PIC[..., :1])
!tf.image.rgb_to_hsv(PIC)
!tf.image.hsv_to_rgb(PIC)
!tf.image.rgb_to_yiq(PIC)
!tf.image.yiq_to_rgb(PIC)
!tf.image.rgb_to_yuv(PIC)
!tf.image.yuv_to_rgb(PIC)
!tf.image.extract_patches(PIC, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], 'VALID')
""",
    "signal": """
!tf.signal.rfft(M)
!tf.signal.irfft(tf.signal.rfft(M), [5])
!tf.signal.fft(Z)
!tf.signal.ifft(Z)
!tf.signal.fft2d(Z)
!tf.signal.hann_window(8)
!tf.signal.hann_window(7)
!tf.signal.hamming_window(8, periodic=False)
tf.signal.frame(V, 2, 1)
!tf.signal.frame(tf.range(7.0), 3, 2, pad_end=True)
!tf.signal.stft(tf.range(20.0), 8, 4)
!tf.signal.overlap_and_add(F, 2)
!tf.signal.linear_to_mel_weight_matrix(5, 17, 8000)
!tf.signal.dct(F)
!tf.signal.dct(F, norm='ortho')
!tf.signal.mfccs_from_log_mel_spectrograms(F)
!tf.signal.fftshift(F)
""",
    "strings": """
!~tf.strings.length(W)
!~tf.strings.upper(W)
!~tf.strings.lower('ABC')
!~tf.strings.join(['a', 'b'], '-')
!~tf.strings.join([W, W], ' ')
!~tf.strings.reduce_join(W, separator='|')
!~tf.strings.substr('hello', 1, 3)
!~tf.strings.regex_replace(W, '[aeiou]+', '*')
!~tf.strings.regex_replace('a,b!', '[[:punct:]]', '')
!~tf.strings.regex_full_match(W, '.*world')
!~tf.strings.to_number(['1.5', '-2'])
!~tf.strings.to_number(['7'], tf.int32)
!~tf.strings.strip('  x ')
!~tf.strings.split('a b  c')
!~tf.strings.split('a,b', ',')
!~tf.strings.bytes_split('abc')
!~tf.strings.unicode_split('héy', 'UTF-8')
!~tf.strings.unicode_decode('héy', 'UTF-8')
!~tf.strings.as_string([1.5, 2.25])
!~tf.strings.as_string([3, 4])
!~tf.strings.as_string(3.14159, precision=2)
!~tf.strings.format('{} and {}', (tf.constant([1, 2]), tf.constant(0.5)))
!~tf.strings.ngrams(['a', 'b', 'c'], 2)
!~W == 'hello world'
!~tf.constant('x') + 'y'
""",
    "control": """
tf.cond(tf.reduce_sum(F) > 0, lambda: F * 2, lambda: F - 1)
tf.switch_case(L[0], [lambda: F, lambda: G, lambda: F * G])
tf.case([(F[0, 0] > 100, lambda: F), (F[0, 0] < 100, lambda: G)], default=lambda: F * 3)
!tf.while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 0.5), (0, F))[1]
tf.map_fn(lambda row: row * tf.reduce_sum(row), F)
tf.vectorized_map(lambda row: row * tf.reduce_sum(row), F)
tf.scan(lambda a, x: a + x * a, F)
tf.scan(lambda a, x: a + x, F, initializer=tf.ones([4]))
tf.scan(lambda a, x: a * 0.5 + x, F, reverse=True)
tf.foldl(lambda a, x: a * 0.5 + x, F)
tf.foldr(lambda a, x: a * 0.5 + x, F, initializer=tf.zeros([4]))
""",
}


def lines(family):
    """(expression, whether it can be compiled, whether its derivative is compared) of a family."""
    for line in CASES[family].strip().splitlines():
        flags = line[: len(line) - len(line.lstrip("!~"))]
        yield line[len(flags) :], "~" not in flags, "!" not in flags
