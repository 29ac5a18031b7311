//! The cases of `sio-hub` by the clock.

use criterion::{Criterion, criterion_group, criterion_main};

fn hub(criterion: &mut Criterion) {
    for case in sio_micro::hub() {
        let name = case.name.clone();
        let mut run = case.make();
        criterion.bench_function(&name, |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(benches, hub);
criterion_main!(benches);
