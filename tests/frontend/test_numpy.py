"""np.f on Tracers equals np.f on arrays: value, shape and dtype, over a table of calls."""

import zlib

import numpy as np
import pytest

from lamella.frontend.trace import run


def arrays(seed: str):
    """Named arrays that the calls below use."""
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    floats = rng.normal(size=(3, 4, 5))
    return {
        "x": floats,
        "y": rng.normal(size=(3, 4, 5)),
        "f": rng.normal(size=(3, 4)).astype(np.float32),
        "h": rng.normal(size=(3, 4)).astype(np.float16),
        "p": rng.uniform(0.1, 3.0, (3, 4)),
        "u": rng.uniform(-0.9, 0.9, (3, 4)),
        "v": rng.normal(size=4),
        "w": rng.normal(size=4),
        "s": np.array(1.5),
        "a": rng.normal(size=(4, 4)),
        "i": rng.integers(-5, 6, (3, 4)),
        "j": rng.integers(1, 6, (3, 4)),
        "k": rng.integers(0, 3, 6).astype(np.int32),
        "n": rng.integers(-90, 90, (3, 4)).astype(np.int8),
        "q": rng.integers(0, 200, (3, 4)).astype(np.uint8),
        "b": rng.random((3, 4)) > 0.5,
        "c": rng.random((3, 4)) > 0.5,
        "m": np.where(rng.random((3, 4)) > 0.6, np.nan, rng.normal(size=(3, 4))),
        "t": np.sort(rng.normal(size=7)),
        "e": np.zeros((0, 3)),
        "special": np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-310]),
    }


def check(expression: str, exact: bool = False) -> None:
    """Evaluate `expression` on arrays and on Tracers of the arrays it names."""
    pool = arrays(expression)
    code = compile(expression, expression, "eval")
    names = [name for name in code.co_names if name in pool]

    def f(*values):
        return eval(code, {"np": np, **dict(zip(names, values))})

    inputs = [pool[name] for name in names]
    with np.errstate(all="ignore"):
        expected = f(*inputs)
    got = run(f, *inputs)
    if not isinstance(expected, (tuple, list)):
        expected, got = [expected], [got]
    assert len(expected) == len(got)
    for want, have in zip(expected, got):
        want = np.asarray(want)
        assert have.dtype == want.dtype
        assert have.shape == want.shape
        if want.dtype.kind in "fc" and not exact:
            tolerance = {2: 2e-3, 4: 2e-6, 8: 1e-13}.get(want.dtype.itemsize, 1e-13)
            np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(have, want)


UNARY = """
    absolute fabs sign sqrt:p cbrt square reciprocal:p exp exp2 expm1 log:p log2:p log10:p log1p:p
    sin cos tan arcsin:u arccos:u arctan sinh cosh tanh arcsinh arctanh:u floor ceil trunc rint
    isnan isinf isfinite signbit negative positive conjugate deg2rad rad2deg degrees radians spacing
    logical_not sinc i0
""".split()

BINARY = """
    add subtract multiply divide floor_divide remainder fmod power:p maximum minimum fmax fmin
    arctan2 hypot logaddexp logaddexp2 copysign nextafter heaviside equal not_equal less less_equal
    greater greater_equal logical_and logical_or logical_xor float_power:p
""".split()

INTEGERS = """
    i+1 i-j i*j i/j i//j i%j np.fmod(i,j) j**2 j**3 2**j -i abs(i) ~i i&j i|j i^j i<<(j%3) i>>1
    np.gcd(i,j) np.lcm(i,j) np.sign(i) np.maximum(i,j) i==j i<2 n+1 n*n q+q q-1 q>300 q<-1 q//3 q%7
    np.abs(n) np.add(n,q) n+i i+1.5 i*np.float32(2) np.exp(i) np.sqrt(j) np.bitwise_count(i)
    np.bitwise_count(q) np.floor(i) np.reciprocal(j) np.isnan(i) np.isfinite(i) np.power(i,2)
    np.square(i) np.invert(n) np.divmod(i,j) divmod(i,j) np.ldexp(f,i) np.signbit(i)
    np.less(i.astype(np.int64),j.astype(np.uint64)) np.equal(j.astype(np.uint64),j)
    np.true_divide(i,2) np.round(i,-1) np.sum(n) np.sum(q) np.prod(n[:1,:2]) np.mean(n) np.cumsum(n)
    np.cumprod(j,1) np.max(n) np.ptp(i) np.argmax(i) np.var(i) np.std(q,0) np.any(i) np.all(i,1)
    np.bincount(k,minlength=5) np.bincount(k,np.arange(6.),minlength=5) i@i.T n@q.T np.sort(n)
    np.clip(q,10,100) np.clip(q,-10,300) np.clip(n,-3.5,None) np.rint(i)
""".split()

BOOLS = """
    b+c b*c b&c b|c b^c ~b b==c b!=c b<c np.maximum(b,c) np.minimum(b,c) np.logical_and(b,c)
    np.logical_not(b) np.abs(b) b+1 b*2.5 np.sum(b) np.sum(b,0) np.prod(b) np.mean(b) np.any(b,0)
    np.all(b) np.max(b,1) np.min(b,1) np.argmax(b,1) b@c.T np.where(b,1,2) np.count_nonzero(b)
    np.cumsum(b) np.diff(b) np.exp(b) np.concatenate([b,c]) np.invert(b) np.sort(b,0) b.astype(int)
""".split()

PROMOTION = """
    f+1 f+1.5 f*2 f/3 f**2 f+np.float64(1) f+np.float32(1) f+f.astype(np.float16) h+1 h*2.5 h+f
    f+x[:,:,0] f+i f*n h+n h+q h+i 2-f 2/f 2//f 2%f 2**f f>0 f==0 1<f -f +f abs(f) f//2 f%2
    np.add(f,1) np.add(1,f) np.add(f,f,dtype=np.float64) np.maximum(f,0) np.where(f>0,f,0)
    np.where(f>0,1,0.) np.clip(f,0,1) np.clip(f,x[:,:,0],None) f+True f.astype(np.float16)
    f.astype(int) f.astype(bool) np.astype(f,np.float64) np.sum(f) np.sum(f,dtype=np.float64)
    np.mean(f) np.mean(h) np.var(h) np.std(f,0) np.sum(h,1) np.cumsum(f) f@f.T h@h.T np.dot(f,v)
    f[0]+v np.multiply(f,s) f+np.arange(4) f+[1,2,3,4] [1,2,3,4]+f np.arange(4)*f np.float32(2)*f
    np.float64(2)*f
""".split()

SHAPES = """
    np.reshape(x,(4,15)) x.reshape(-1) x.reshape(3,-1) x.reshape((5,12))
    np.reshape(x,(12,5),order='F') np.ravel(x) x.ravel() x.flatten() np.transpose(x) x.T x.mT
    x.transpose(1,0,2) x.transpose((2,0,1)) np.swapaxes(x,0,2) x.swapaxes(0,-1) np.moveaxis(x,0,-1)
    np.moveaxis(x,(0,1),(2,0)) np.rollaxis(x,2) np.rollaxis(x,0,3) np.permute_dims(x,(1,2,0))
    np.matrix_transpose(x) np.expand_dims(x,1) np.expand_dims(x,(0,-1)) np.squeeze(x[None,:,:1])
    np.squeeze(x[:,:1],1) x[:1].squeeze(0) np.atleast_1d(s) np.atleast_2d(v) np.atleast_3d(v)
    np.atleast_3d(f) np.broadcast_to(v,(3,4)) np.broadcast_arrays(f,v) np.flip(x) np.flip(x,1)
    np.flip(x,(0,2)) np.fliplr(x) np.flipud(x) np.rot90(f) np.rot90(f,2) np.rot90(f,-1)
    np.rot90(x,3,(1,2)) np.roll(x,2) np.roll(x,-1,0) np.roll(x,(1,2),(0,2)) np.roll(x,1,(0,1))
    np.repeat(x,2) np.repeat(x,3,1) np.repeat(v,[1,0,2,3]) x.repeat(2,axis=0) np.tile(v,3)
    np.tile(f,(2,1)) np.tile(v,(2,2)) np.tile(x,2) np.resize(f,(2,7)) np.concatenate([f,f])
    np.concatenate([x,y],1) np.concatenate((x,y),axis=-1) np.concatenate([f,i],None)
    np.concat([v,w]) np.stack([v,w]) np.stack([f,i],-1) np.stack([x,y],axis=1) np.vstack([v,w])
    np.vstack([f,v]) np.hstack([v,w]) np.hstack([f,f]) np.dstack([f,f]) np.dstack([v,w])
    np.column_stack([v,w]) np.column_stack([f[:,0],f]) np.append(v,w) np.append(f,f,0)
    np.append(v,1.0) np.split(x,2,1) np.split(v,[1,3]) np.array_split(x,3,2) np.hsplit(f,2)
    np.hsplit(v,2) np.vsplit(x,3) np.dsplit(x,5) np.unstack(x) np.block([[f,f],[f,f]])
    np.block([v,w]) np.insert(v,1,5.0) np.insert(f,1,v,axis=0) np.delete(v,1) np.delete(f,[0,2],1)
    np.shape(x) np.ndim(x) np.size(x) np.size(x,1) len(x) x.shape x.ndim x.size x.nbytes x.itemsize
    list(v) np.meshgrid(v,w) np.meshgrid(v,w[:2],indexing='ij') np.meshgrid(v,w[:2],sparse=True)
    np.zeros_like(f) np.ones_like(i) np.full_like(f,3) np.full_like(f,v) np.empty_like(f)*0
    np.zeros_like(f,dtype=int) np.ones_like(f,shape=(2,2)) np.copy(x) x.copy() np.linspace(s,3.0,5)
    np.linspace(v,w,3) np.linspace(v,w,4,endpoint=False,axis=1) np.logspace(s,2,4)
    np.linspace(s,2,3,retstep=True) np.geomspace(s,20.0,5) np.vander(v)
    np.vander(v,3,increasing=True) np.resize(v,(2,2)) np.trim_zeros(np.arange(3)) e.reshape(3,0)
    np.concatenate([e,e]) e.T
""".split()

REDUCTIONS = """
    np.sum(x) np.sum(x,0) np.sum(x,(0,2)) np.sum(x,-1,keepdims=True) x.sum() x.sum(axis=1)
    x.sum((0,1)) np.sum(x,initial=2.0) np.sum(x,where=y>0) np.prod(u) np.prod(u,0) u.prod(1)
    np.prod(u,where=b) np.mean(x) np.mean(x,(1,2)) x.mean(0,keepdims=True) np.mean(x,where=y>0)
    np.std(x) x.std(1) np.std(x,ddof=1) np.var(x,0) x.var(axis=(0,1),ddof=1) np.var(x,keepdims=True)
    np.max(x) x.max(0) np.amax(x,1) np.max(x,initial=9.) np.min(x,(0,1)) x.min()
    np.amin(x,2,keepdims=True) np.max(x,where=y>0,initial=-9.) np.any(x>1,0) np.all(x>-2,(0,1))
    (x>0).any() (x>0).all(axis=2) np.ptp(x,0) np.argmax(x) x.argmax(1) np.argmin(x,-1)
    np.argmin(x,keepdims=True) np.argmax(x,2,keepdims=True) np.count_nonzero(i,0) np.cumsum(x)
    x.cumsum(1) np.cumprod(u,0) u.cumprod() np.cumulative_sum(v)
    np.cumulative_sum(v,include_initial=True) np.cumulative_prod(v) np.diff(x) np.diff(v,2)
    np.diff(x,axis=0) np.diff(v,prepend=0.) np.ediff1d(v) np.trapezoid(v) np.trapezoid(v,w)
    np.trapezoid(x,dx=.5,axis=0) np.average(x) np.average(x,1) np.average(f,1,weights=w)
    np.average(f,weights=f) np.average(v,weights=w,returned=True) np.gradient(v)
    np.gradient(f,axis=0) np.gradient(x) np.median(v) np.median(x,1) np.median(x,(0,2))
    np.median(x,keepdims=True) np.median(i) np.quantile(x,0.3) np.quantile(x,[0.1,0.5,1.0],1)
    np.quantile(x,0.25,(0,2),keepdims=True) np.percentile(v,[25,50])
    np.quantile(x,0.4,method='lower') np.quantile(x,0.4,0,method='higher')
    np.quantile(x,0.4,0,method='nearest') np.quantile(x,0.4,0,method='midpoint')
    np.quantile(m,0.5,0) np.median(m,1) np.nansum(m) np.nansum(m,0) np.nanprod(m,1) np.nanmean(m)
    np.nanmax(m) np.nanmin(m,keepdims=True) np.nanargmax(m) np.nanstd(m) np.nanvar(m)
    np.nancumsum(m) np.nancumprod(m,1) np.nanmedian(m) np.nanquantile(m,0.4)
    np.nanpercentile(m,[10,60]) np.nanmean(i) np.nansum(i) np.nanmax(i) np.nan_to_num(m)
    np.nan_to_num(special) np.nan_to_num(m,nan=1.5) np.cov(f) np.cov(v,w) np.cov(f,rowvar=False)
    np.corrcoef(f) np.corrcoef(v,w) np.cov(f,aweights=np.abs(v)) np.cov(f,bias=True)
    np.add.reduce(x) np.add.reduce(x,axis=1) np.multiply.reduce(u,1) np.maximum.reduce(x,axis=(0,1))
    np.logical_or.reduce(x>1) np.add.accumulate(x,1) np.multiply.accumulate(v)
    np.maximum.accumulate(x,axis=1) np.minimum.accumulate(v) np.add.outer(v,w)
    np.subtract.outer(v,f) np.sum(e) np.sum(e,0) np.sum(e,1) np.any(e,1) np.all(e,0) np.prod(e)
""".split()

PRODUCTS = """
    v@w f@v v@f.T a@a x@np.swapaxes(y,1,2) x[:,None]@np.swapaxes(y,1,2) x[:1]@np.swapaxes(y,1,2)
    np.matmul(x,f.T[:4].reshape(3,4,1)[0].repeat(5,1).T) np.dot(v,w) np.dot(f,v) np.dot(a,a)
    np.dot(x,a[:,:1].repeat(2,1)[:4].repeat(2,0)[:5]) np.dot(s,v) np.dot(3,v) v.dot(w) a.dot(a)
    np.inner(v,w) np.inner(f,f) np.inner(x,y) np.outer(v,w) np.vdot(x,y)
    np.tensordot(x,np.swapaxes(np.swapaxes(y,0,1),1,2),2) np.tensordot(x,y,((0,1),(0,1)))
    np.tensordot(x,y,([2],[2])) np.tensordot(f,a,1) np.tensordot(v,w,0) np.kron(v,w) np.kron(f,a)
    np.kron(v,f) np.cross(f[:,:3],f[:,1:]) np.cross(f[0,:3],f[:,:3]) np.trace(a) np.trace(x)
    np.trace(x,1,0,2) np.einsum('ij,jk',a,a) np.einsum('ij,kj->ik',f,f) np.einsum('ii',a)
    np.einsum('ii->i',a) np.einsum('ij->ji',f) np.einsum('ij->',f) np.einsum('ijk->k',x)
    np.einsum('ijk,ijk->',x,y) np.einsum('...j,j',x[...,:4],v) np.einsum('i...,i...->...',x,y)
    np.einsum('ij,jk,kl->il',f,a,a) np.einsum('ij,ij,j->i',f,f,v) np.einsum('i,j,k->kji',v,w,v)
    np.einsum('...ij,...jk->...ik',x,np.swapaxes(y,1,2)) np.einsum(f,[0,1],a,[1,2],[0,2])
    np.einsum(f,[0,1],f,[0,1]) np.einsum('bij,bkj->bik',x,y) np.einsum('i,i->',v,w)
    np.einsum('iij->j',x[:,:3]) np.einsum('ij,k->ijk',f,v[:1]) np.linalg.multi_dot([f,a,a,v])
    np.vecdot(x,y) np.matvec(f,v) np.vecmat(v,a) np.convolve(v,w) np.convolve(v,w[:3],'same')
    np.convolve(v,w[:2],'valid') np.convolve(w[:2],v) np.convolve(w[:3],v,'same')
    np.correlate(v,w[:2]) np.correlate(v,w,'full') np.correlate(w[:2],v)
    np.correlate(v,w[:3],'same') np.correlate(w[:3],v,'same') np.correlate(w[:2],v,'same')
""".split()

SELECTION = """
    np.where(x>0,x,y) np.where(b,f,0) np.where(b,1,v) np.where(i,f,v) np.clip(x,-1,1)
    np.clip(x,None,0.5) x.clip(0.1) np.clip(x,min=0) np.clip(f,v,w+2) np.select([f>1,f>0],[f,2*f])
    np.select([f>1],[f],5) np.choose(k%2,[k,10*k]) np.take(x,[0,2]) np.take(x,k,0)
    np.take(x,[[0,1],[2,-1]],axis=1) x.take(1,axis=2) np.take(x,k,1,mode='wrap') np.take(v,k)
    np.take_along_axis(f,np.argsort(f,1),1) np.take_along_axis(f,np.argmax(f,1,keepdims=True),1)
    np.take_along_axis(v,np.argsort(v),0) np.compress([True,False,True],f,0) np.diagonal(a)
    np.diagonal(x,1) np.diagonal(x,-1,1,2) a.diagonal() np.diag(a) np.diag(a,1) np.diag(a,-2)
    np.diag(v) np.diag(v,2) np.diag(v,-1) np.diagflat(f) np.linalg.diagonal(x) np.tril(a)
    np.tril(x,1) np.triu(a,-1) np.triu(x) np.tril(v) np.round(x) np.round(x,2) x.round(1)
    np.round(f,1) np.fix(x) np.isclose(x,y) np.isclose(m,m,equal_nan=True) np.allclose(x,x)
    np.array_equal(x,x) np.array_equal(x,f) np.array_equiv(f,f) np.isposinf(special)
    np.isneginf(special) np.real(x) np.imag(x) x.real x.imag np.isreal(x) np.iscomplex(x)
    np.angle(x) np.conj(x) x.conj() np.frexp(special[:6]) np.unwrap(4*v) np.unwrap(9*x,axis=0)
    np.unwrap(4*v,period=3.0) np.piecewise(v,[v<0,v>1],[np.negative,2.0])
    np.piecewise(v,[v<0],[1,2]) np.apply_along_axis(np.cumsum,1,x) np.apply_along_axis(np.sum,0,f)
    x[np.ix_(k,k)] a[np.diag_indices_from(a)] f[np.tril_indices_from(f)]
    f[np.triu_indices_from(f,1)] np.modf(x) np.frexp(f) np.sign(special) np.ldexp(x,3) np.sort(x)
    np.sort(x,0) np.sort(x,None) np.argsort(x,1) x.argsort() np.argsort(i,kind='stable') np.sort(m)
    np.lexsort((v,w)) np.lexsort((k[:4],i[0])) np.searchsorted(t,v) np.searchsorted(t,t,'right')
    np.searchsorted(t,t) np.searchsorted(t,x) np.digitize(v,t) np.digitize(v,[2.0,0.0,-1.0])
    np.digitize(v,t,right=True) t.searchsorted(s) np.histogram(x,5,(-2,2)) np.histogram(x,t)
    np.histogram(v,4) np.histogram(x,3,density=True) np.isin(k,[0,2]) np.isin(i,j,invert=True)
    np.unravel_index(k,(2,3)) np.ravel_multi_index((k,k),(3,4)) np.interp(v,t,t**2)
    np.interp(x,t,t,left=0.,right=1.) np.interp(v,t,t,period=2.0) np.polyval(v,x)
    np.polyval([1,2,3],x) np.pad(f,1) np.pad(x,((0,1),(2,0),(1,1)))
    np.pad(f,(1,2),constant_values=3) np.pad(f,((1,0),(0,2)),constant_values=((1,2),(3,4)))
    np.pad(f,2,'edge') np.pad(f,2,'reflect') np.pad(f,((0,2),(3,1)),'symmetric')
    np.pad(f,2,mode='wrap') np.pad(v,(7,9),'reflect') np.pad(v,(9,7),'wrap')
    np.pad(v,(5,6),'symmetric') np.pad(v,2,'mean') np.pad(f,1,'maximum')
    np.pad(f,1,'minimum',stat_length=2) np.pad(v,2,'median') np.pad(v,3,'linear_ramp',end_values=1.)
    np.pad(i,1,'mean')
""".split()


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_unary_ufunc(name, dtype):
    function, _, domain = name.partition(":")
    array = arrays(name)[domain or "x"].astype(dtype)
    check_call(getattr(np, function), array)


@pytest.mark.parametrize("name", [n for n in UNARY if n.split(":")[0] not in ("i0", "sinc", "tan")])
def test_unary_ufunc_on_special_values(name):
    check_call(getattr(np, name.split(":")[0]), arrays("s")["special"])


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_binary_ufunc(name, dtype):
    function, _, domain = name.partition(":")
    rng = np.random.default_rng(3)
    low = 0.1 if domain else -2
    a, b = (rng.uniform(low, 2, shape).astype(dtype) for shape in ((3, 1, 4), (5, 1)))
    check_call(getattr(np, function), a, b)


@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("nextafter",)])
def test_binary_ufunc_on_special_values(name):
    special = arrays("s")["special"]
    check_call(getattr(np, name.split(":")[0]), special[:, None], special)


def check_call(function, *inputs):
    with np.errstate(all="ignore"):
        expected = function(*inputs)
    got = run(function, *inputs)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    tolerance = 3e-6 if inputs[0].dtype == np.float32 else 1e-13
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * 1e-3)
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("call", INTEGERS)
def test_integers(call):
    check(call)


@pytest.mark.parametrize("call", BOOLS)
def test_bools(call):
    check(call)


@pytest.mark.parametrize("call", PROMOTION)
def test_promotion(call):
    check(call)


@pytest.mark.parametrize("call", SHAPES)
def test_shapes(call):
    check(call, exact="space" not in call)


@pytest.mark.parametrize("call", REDUCTIONS)
def test_reductions(call):
    check(call)


@pytest.mark.parametrize("call", PRODUCTS)
def test_products(call):
    check(call)


@pytest.mark.parametrize("call", SELECTION)
def test_selection(call):
    check(call)


SPECTRAL = """
    np.fft.fft(v) np.fft.fft(x) np.fft.fft(x,3) np.fft.fft(x,7,0) np.fft.fft(f) np.fft.fft(i)
    np.fft.fft(v,norm='ortho') np.fft.fft(v,norm='forward') np.fft.ifft(x)
    np.fft.ifft(x,norm='ortho') np.fft.ifft(x,norm='forward') np.fft.rfft(x) np.fft.rfft(v,6)
    np.fft.rfft(f,axis=0) np.fft.irfft(np.fft.rfft(x)) np.fft.irfft(np.fft.rfft(x),5)
    np.fft.irfft(v,norm='ortho') np.fft.hfft(v) np.fft.ihfft(v) np.fft.ihfft(v,norm='ortho')
    np.fft.fft2(x) np.fft.ifft2(x) np.fft.fftn(x) np.fft.fftn(x,(2,2),(0,1))
    np.fft.fftn(x,axes=(0,1)) np.fft.ifftn(x) np.fft.rfft2(x) np.fft.rfftn(x)
    np.fft.irfft2(np.fft.rfft2(x),(4,5)) np.fft.irfftn(np.fft.rfftn(x),(3,4,5),(0,1,2))
    np.fft.fftshift(x) np.fft.ifftshift(x,1) np.fft.fftshift(v) np.real(np.fft.fft(v))
    np.imag(np.fft.fft(v)) np.abs(np.fft.fft(x)) np.angle(np.fft.fft(v)) np.conj(np.fft.fft(v))
    np.fft.fft(v).real np.fft.fft(v)*np.fft.fft(w) np.fft.fft(v)+1 np.fft.fft(v)*2j np.fft.fft(v)-w
    np.fft.fft(v)/np.fft.fft(w) np.sum(np.fft.fft(x),0) np.mean(np.fft.fft(x))
    np.fft.fft(f)@np.fft.fft(a) np.var(np.fft.fft(v)) np.iscomplexobj(np.fft.fft(v))
    np.fft.fft(v)==np.fft.fft(v) np.fft.fft(v)**2 v.astype(complex)
    np.vdot(np.fft.fft(v),np.fft.fft(w))
""".split()

LINALG = """
    np.linalg.inv(a) np.linalg.inv(x[:,:,:4]) np.linalg.solve(a,v) np.linalg.solve(a,a.T)
    np.linalg.solve(a,f.T) np.linalg.solve(x[:,:,:4],y) np.linalg.det(a) np.linalg.det(x[:,:,:4])
    np.linalg.slogdet(a) np.linalg.cholesky(a@a.T+np.eye(4))
    np.linalg.cholesky(a@a.T+np.eye(4),upper=True) np.linalg.qr(a) np.linalg.qr(x)
    np.linalg.qr(x,'complete') np.linalg.qr(f,'r') np.linalg.svd(a)
    np.linalg.svd(x,full_matrices=False) np.linalg.svd(f,compute_uv=False) np.linalg.svdvals(x)
    np.linalg.eigh(a+a.T) np.linalg.eigvalsh(a+a.T) np.linalg.pinv(f) np.linalg.pinv(x)
    np.linalg.matrix_rank(f) np.linalg.matrix_rank(x) np.linalg.lstsq(a,v)
    np.linalg.lstsq(x[0].T,v.repeat(2)[:5]) np.linalg.matrix_power(a,3) np.linalg.matrix_power(a,-2)
    np.linalg.matrix_power(a,0) np.linalg.norm(v) np.linalg.norm(x) np.linalg.norm(f,axis=1)
    np.linalg.norm(f,1,0) np.linalg.norm(f,np.inf,1) np.linalg.norm(f,-np.inf,1)
    np.linalg.norm(f,3,1) np.linalg.norm(v,0) np.linalg.norm(f,'fro') np.linalg.norm(f,'nuc')
    np.linalg.norm(f,2) np.linalg.norm(f,-2) np.linalg.norm(f,1) np.linalg.norm(f,-1)
    np.linalg.norm(f,np.inf) np.linalg.norm(x,axis=(0,2)) np.linalg.norm(x,axis=(0,2),keepdims=True)
    np.linalg.norm(x,keepdims=True) np.linalg.norm(i) np.linalg.vector_norm(x)
    np.linalg.vector_norm(x,axis=1,ord=1) np.linalg.vector_norm(x,axis=(0,1),keepdims=True)
    np.linalg.matrix_norm(x) np.linalg.matrix_norm(x,ord=1) np.linalg.cond(a) np.linalg.cond(a,1)
    np.linalg.cond(a,'fro') np.linalg.cond(a,-2) np.linalg.tensorinv(a.reshape(2,2,4),2)
    np.linalg.tensorsolve(a.reshape(4,2,2),v) np.linalg.matmul(f,a) np.linalg.outer(v,w)
    np.linalg.tensordot(f,a,axes=1) np.linalg.vecdot(x,y) np.linalg.matrix_transpose(x)
    np.linalg.trace(x) np.linalg.cross(f[:,:3],f[:,1:])
""".split()


@pytest.mark.parametrize("call", SPECTRAL)
def test_fourier_and_complex(call):
    check(call)


@pytest.mark.parametrize("call", LINALG)
def test_linalg(call):
    check(call)
