/**
 * What the playground's modules hand to each other.
 *
 * @typedef {object} Split
 * @property {number} size examples
 * @property {Uint8Array} x contexts, three characters each
 * @property {Uint8Array} y the characters that follow
 *
 * @typedef {object} Names
 * @property {number} count
 * @property {boolean} fromLecture whether they are the lecture's, byte for byte
 * @property {Split} train
 * @property {Split} dev
 *
 * @typedef {object} Settings what decides a run, as `mlp`, `deep_mlp` and `TrainConfig` take it
 * @property {string} stage key of the stage it started from
 * @property {boolean} deep `deep_mlp`, otherwise `mlp`
 * @property {number | null} w1 standard deviation of the hidden weight; null: Kaiming
 * @property {number | null} b1 of the hidden bias; null: there is none
 * @property {number} w2 of the output weight
 * @property {number} b2 of the output bias
 * @property {boolean} norm batch norm before each tanh; in the deep net at its end, too
 * @property {number} gain of the deep net
 * @property {number} depth linear layers of the deep net
 * @property {boolean} tanh whether the deep net has any
 * @property {boolean} scaled whether the deep net's weights are divided by the root of fan-in
 * @property {number} hidden units of a hidden layer
 * @property {number} batch examples a step
 * @property {number} lr learning rate
 * @property {number} seed
 *
 * @typedef {object} Norm
 * @property {Float32Array} gamma
 * @property {Float32Array} beta
 * @property {Float32Array} mean running
 * @property {Float32Array} variance running
 * @property {number} eps
 * @property {number} momentum
 * @property {boolean} keepsStd whether what is averaged is a standard deviation
 *
 * @typedef {object} Layer a linear layer, and the batch norm and tanh that may follow it
 * @property {string} name
 * @property {number} fanIn
 * @property {number} fanOut
 * @property {Float32Array} weight fan-in rows
 * @property {Float32Array | null} bias
 * @property {Norm | null} norm
 * @property {boolean} tanh
 *
 * @typedef {object} Net
 * @property {Float32Array} embedding 27 rows of 10
 * @property {Layer[]} layers
 *
 * @typedef {object} Report one layer or weight in numbers
 * @property {string} name
 * @property {number} mean
 * @property {number} std with N - 1
 * @property {number[]} counts of a histogram
 * @property {number} limit the histogram goes from -limit to limit
 */

export {}
