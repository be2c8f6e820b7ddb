//! Exponential and normal numbers by the ziggurat method (Marsaglia, Tsang 2000) with 256 layers.
//!
//! Layer and position come from different bits of one 64-bit draw, which removes the correlation that Doornik (2005)
//! found in the first version of the method.

use super::Stream;
use std::sync::OnceLock;

const LAYERS: usize = 256;
/// Where the tail of the exponential starts, and the area of each layer.
const EXPONENTIAL_TAIL: f64 = 7.697_117_470_131_05;
const EXPONENTIAL_AREA: f64 = 0.003_949_659_822_581_557;
/// Where the tail of the normal starts, and the area of each layer.
const NORMAL_TAIL: f64 = 3.654_152_885_361_009;
const NORMAL_AREA: f64 = 0.004_928_673_233_997_3;

/// The layers of one density: widths `x`, from the base strip (of virtual width area / height) up to zero, and heights `y`.
#[derive(Debug)]
struct Layers {
    x: [f64; LAYERS + 1],
    y: [f64; LAYERS + 1],
}

/// The layers of both densities, computed once.
#[derive(Debug)]
pub(super) struct Tables {
    exponential: Layers,
    normal: Layers,
}

impl Tables {
    pub(super) fn get() -> &'static Tables {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(|| Tables {
            exponential: Layers::new(EXPONENTIAL_TAIL, EXPONENTIAL_AREA, |x| libm::exp(-x), |y| -libm::log(y)),
            normal: Layers::new(
                NORMAL_TAIL,
                NORMAL_AREA,
                |x| libm::exp(-0.5 * x * x),
                |y| libm::sqrt(-2.0 * libm::log(y)),
            ),
        })
    }
}

impl Layers {
    fn new(tail: f64, area: f64, density: impl Fn(f64) -> f64, inverse: impl Fn(f64) -> f64) -> Self {
        let mut layers = Layers { x: [0.0; LAYERS + 1], y: [0.0; LAYERS + 1] };
        layers.x[0] = area / density(tail);
        layers.x[1] = tail;
        for i in 2..LAYERS {
            layers.x[i] = inverse(density(layers.x[i - 1]) + area / layers.x[i - 1]);
        }
        for i in 0..=LAYERS {
            layers.y[i] = density(layers.x[i]);
        }
        layers
    }
}

#[inline]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * 2f64.powi(-53)
}

#[inline]
pub(super) fn exponential(stream: &mut Stream, tables: &Tables) -> f64 {
    let bits = stream.next_u64();
    let layer = (bits & 0xFF) as usize;
    let x = unit(bits) * tables.exponential.x[layer];
    if x < tables.exponential.x[layer + 1] {
        return x;
    }
    exponential_edge(stream, &tables.exponential, layer, x)
}

/// The 1.1 % of draws that fall outside the inner rectangle of their layer.
#[cold]
fn exponential_edge(stream: &mut Stream, layers: &Layers, mut layer: usize, mut x: f64) -> f64 {
    loop {
        if layer == 0 {
            return EXPONENTIAL_TAIL - libm::log(stream.uniform_open());
        }
        let height = layers.y[layer] + (layers.y[layer + 1] - layers.y[layer]) * stream.uniform();
        if height < libm::exp(-x) {
            return x;
        }
        let bits = stream.next_u64();
        layer = (bits & 0xFF) as usize;
        x = unit(bits) * layers.x[layer];
        if x < layers.x[layer + 1] {
            return x;
        }
    }
}

#[inline]
pub(super) fn normal(stream: &mut Stream, tables: &Tables) -> f64 {
    let bits = stream.next_u64();
    let layer = (bits & 0xFF) as usize;
    let x = unit(bits) * tables.normal.x[layer];
    let magnitude = if x < tables.normal.x[layer + 1] { x } else { normal_edge(stream, &tables.normal, layer, x) };
    f64::from_bits(magnitude.to_bits() | (bits & 0x100) << 55)
}

/// The 1.3 % of draws that fall outside the inner rectangle of their layer.
#[cold]
fn normal_edge(stream: &mut Stream, layers: &Layers, mut layer: usize, mut x: f64) -> f64 {
    loop {
        if layer == 0 {
            return normal_tail(stream);
        }
        let height = layers.y[layer] + (layers.y[layer + 1] - layers.y[layer]) * stream.uniform();
        if height < libm::exp(-0.5 * x * x) {
            return x;
        }
        let bits = stream.next_u64();
        layer = (bits & 0xFF) as usize;
        x = unit(bits) * layers.x[layer];
        if x < layers.x[layer + 1] {
            return x;
        }
    }
}

/// Beyond the last layer: Marsaglia's (1964) rejection method.
fn normal_tail(stream: &mut Stream) -> f64 {
    loop {
        let x = -libm::log(stream.uniform_open()) / NORMAL_TAIL;
        let y = -libm::log(stream.uniform_open());
        if y + y > x * x {
            return NORMAL_TAIL + x;
        }
    }
}
