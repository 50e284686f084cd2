/**
 * The random numbers of torch on a CPU, and of Python's `shuffle`, bit for bit.
 *
 * Both come from the Mersenne Twister (Matsumoto and Nishimura 1998). torch turns its numbers into
 * normal ones sixteen at a time, by the method of Box and Muller, with the single-precision
 * logarithm, sine and cosine of the Cephes library (Stephen Moshier; free to use, as netlib says).
 * Their coefficients are below. torch's processor multiplies and adds in one rounding; here the
 * product and the sum are done in double precision, and rounded once.
 */

const SIZE = 624
const LAG = 397

export class Twister {
  #state = new Uint32Array(SIZE)
  #index = SIZE

  /** As `torch.Generator().manual_seed(seed)`, which takes 32 bits of it. @param {number} seed */
  constructor(seed) {
    const s = this.#state
    s[0] = seed % 2 ** 32
    for (let i = 1; i < SIZE; i++) s[i] = Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1812433253) + i
  }

  /** As Python's `random.Random(seed)`, for a seed below 2**32. @param {number} seed */
  static python(seed) {
    const made = new Twister(19650218)
    const s = made.#state
    for (let k = 0, i = 1; k < 2 * SIZE - 1; k++) {
      const mixed = s[i - 1] ^ (s[i - 1] >>> 30)
      const [factor, more] = k < SIZE ? [1664525, seed] : [1566083941, -i]
      s[i] = (s[i] ^ Math.imul(mixed, factor)) + more
      if (++i === SIZE) [s[0], i] = [s[SIZE - 1], 1]
    }
    s[0] = 0x80000000
    return made
  }

  /** The next 32 bits. */
  next() {
    const s = this.#state
    if (this.#index === SIZE) {
      for (let i = 0; i < SIZE; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % SIZE] & 0x7fffffff)
        s[i] = s[(i + LAG) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
      }
      this.#index = 0
    }
    let y = s[this.#index++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  /** `torch.randint(0, n, (count,))`, for n below 2**28. @param {number} n @param {number} count */
  randint(n, count) {
    return new Uint32Array(count).map(() => this.next() % n)
  }

  /** `torch.randn(count)`; fewer than 16 are made in another way. @param {number} count */
  randn(count) {
    if (count < 16) throw new RangeError(`randn makes 16 numbers or more, got ${count}`)
    const uniform = () => (this.next() & 0xffffff) / 2 ** 24
    const out = new Float32Array(count).map(uniform)
    for (let i = 0; i + 16 <= count; i += 16) boxMuller(out.subarray(i))
    if (count % 16) boxMuller(out.subarray(-16).map(uniform), out.subarray(-16))
    return out
  }

  /**
   * `torch.multinomial(probs, 1)`: the largest quotient of a probability and an exponential draw.
   * @param {ArrayLike<number>} probs
   */
  multinomial(probs) {
    let [best, found] = [-1, 0]
    for (let i = 0; i < probs.length; i++) {
      const uniform = ((this.next() & 0x1fffff) * 2 ** 32 + this.next()) / 2 ** 53
      const quotient = Math.fround(probs[i] / Math.fround(-Math.log1p(-uniform)))
      if (quotient > best) [best, found] = [quotient, i]
    }
    return found
  }

  /** As Python's `shuffle`, in place. @template T @param {T[]} list */
  shuffle(list) {
    for (let i = list.length - 1; i > 0; i--) {
      const bits = 32 - Math.clz32(i + 1)
      let j
      do j = this.next() >>> (32 - bits)
      while (j > i)
      ;[list[i], list[j]] = [list[j], list[i]]
    }
    return list
  }
}

const f = Math.fround
/** a * b + c @type {(a: number, b: number, c: number) => number} */
const fma = (a, b, c) => f(a * b + c)
/** @param {readonly number[]} coefficients highest power first @param {number} x */
const polynomial = (coefficients, x) => coefficients.reduce((sum, c) => fma(sum, x, c))

const LOG = [
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
].map(f)
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f)
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(f)
const [LN2_LOW, LN2_HIGH] = [-2.1219444e-4, 0.693359375].map(f)
const PI_4 = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8].map(f) // as a sum
const [ROOT_HALF, FOUR_PI, TWO_PI] = [Math.SQRT1_2, 1.27323954473516, 2 * Math.PI].map(f)

const word = new Uint32Array(1)
const float = new Float32Array(word.buffer)

/** The natural logarithm of a positive number. @param {number} x */
function log(x) {
  float[0] = x
  let e = (word[0] >>> 23) - 126
  word[0] = (word[0] & 0x007fffff) | 0x3f000000
  let m = float[0] // in [0.5, 1)
  if (m < ROOT_HALF) {
    e -= 1
    m = f(f(m - 1) + m)
  } else m = f(m - 1)
  const z = f(m * m)
  let y = f(polynomial(LOG, m) * m)
  y = fma(y, z, f(e * LN2_LOW))
  y = fma(z, -0.5, y)
  return fma(e, LN2_HIGH, f(m + y))
}

/** Cosine and sine of an angle from 0. @param {number} x @returns {[number, number]} */
function cosSin(x) {
  const octant = (Math.trunc(f(x * FOUR_PI)) + 1) & ~1
  for (const part of PI_4) x = fma(octant, part, x)
  const z = f(x * x)
  const cos = f(fma(f(polynomial(COS, z) * z), z, f(z * -0.5)) + 1)
  const sin = fma(f(polynomial(SIN, z) * z), x, x)
  const swap = octant & 2
  return [
    ((octant + 2) & 4 ? -1 : 1) * (swap ? sin : cos),
    (octant & 4 ? -1 : 1) * (swap ? cos : sin),
  ]
}

/** Turn 16 uniform numbers into normal ones. @param {Float32Array} from @param {Float32Array} to */
function boxMuller(from, to = from) {
  for (let i = 0; i < 8; i++) {
    const radius = f(Math.sqrt(f(-2 * log(f(1 - from[i])))))
    const [cos, sin] = cosSin(f(TWO_PI * from[i + 8]))
    to[i] = f(radius * cos)
    to[i + 8] = f(radius * sin)
  }
}
