//! The cases of `sio-protocol` by the clock.

use criterion::{Criterion, criterion_group, criterion_main};

fn protocol(criterion: &mut Criterion) {
    for case in sio_micro::protocol() {
        let name = case.name.clone();
        let mut run = case.make();
        criterion.bench_function(&name, |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(benches, protocol);
criterion_main!(benches);
