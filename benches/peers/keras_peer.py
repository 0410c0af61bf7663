"""The training step of twinglyph's `report` and `figure5` models, or encoding alone, in Keras on TensorFlow.

Run by compare.py; by hand: python keras_peer.py MODEL PAIRS THREADS [--infer], then a line on standard input for each
measurement. Each answers with the median milliseconds of a step.
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from protocol import SIZE, arguments, serve

args = arguments(__doc__)
tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(args.threads)


def encoder():
    images = layers.Input((SIZE, SIZE, args.channels))
    if args.model == "report":
        x = images
        for filters in (16, 32):
            x = layers.Conv2D(filters, 3, activation="relu")(x)
            x = layers.MaxPooling2D(2)(x)
        x = layers.BatchNormalization()(layers.Flatten()(x))
        x = layers.Dense(10)(x)
    else:
        x = layers.BatchNormalization()(images)
        for filters in (4, 16):
            x = layers.Conv2D(filters, 5, activation="tanh")(x)
            x = layers.AveragePooling2D(2)(x)
        x = layers.BatchNormalization()(layers.Flatten()(x))
        x = layers.Dense(10, activation="tanh")(x)
    return keras.Model(images, x)


def distance(sides):
    difference = sides[0] - sides[1]
    return ops.sqrt(ops.maximum(ops.sum(difference * difference, axis=1, keepdims=True), 1e-7))


def contrastive(same, d):
    return ops.mean(same * d**2 + (1 - same) * ops.maximum(1 - d, 0) ** 2)


def random(count):
    return tf.constant(np.random.rand(count, SIZE, SIZE, args.channels).astype("float32"))


tower = encoder()
if args.infer:
    images = random(2 * args.pairs)
    call = tf.function(lambda x: tower(x, training=False))
    step = lambda: call(images).numpy()
else:
    left, right = (layers.Input((SIZE, SIZE, args.channels)) for _ in range(2))
    output = layers.Lambda(distance, output_shape=(1,))([tower(left), tower(right)])
    if args.model == "figure5":
        output = layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(output))
    model = keras.Model([left, right], output)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=contrastive, jit_compile=args.compile)
    sides = [random(args.pairs), random(args.pairs)]
    same = tf.constant((np.arange(args.pairs) % 2).astype("float32")[:, None])
    step = lambda: model.train_on_batch(sides, same)

serve(step)
