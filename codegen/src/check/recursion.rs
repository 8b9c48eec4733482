//! Types that lead back to themselves.

use super::Checker;
use crate::model::{Presence, StructKind, Type};
use crate::report::Problem;

impl Checker<'_> {
    /// Decides which fields are boxed, which structs can be hashed, and reports structs that can have no value.
    pub(super) fn recursion(&mut self) {
        self.options_in_cycles();
        self.required_cycles();
        self.hashable();
    }

    /// A field by which a struct contains itself, other than a required one, is an `Option<Box<…>>`; in a union it is
    /// boxed.
    fn options_in_cycles(&mut self) {
        let component = components(&self.edges(|_| true));
        for index in 0..self.model.structs.len() {
            let kind = self.model.structs[index].kind;
            for at in 0..self.model.structs[index].fields.len() {
                let field = &self.model.structs[index].fields[at];
                let Type::Struct(inner) = *self.model.resolved(&field.ty) else {
                    continue;
                };
                if component[inner] != component[index] || field.presence == Presence::Required {
                    continue;
                }
                let default = field.default.is_some().then_some(field.span);
                let field = &mut self.model.structs[index].fields[at];
                field.boxed = true;
                if kind != StructKind::Union {
                    field.presence = Presence::Optional;
                }
                if let Some(span) = default {
                    self.problem(
                        span,
                        "a field by which its struct contains itself cannot have a default",
                    );
                }
            }
        }
    }

    /// Reports structs that contain themselves through required fields only.
    fn required_cycles(&mut self) {
        let edges = self.edges(|presence| presence == Presence::Required);
        let component = components(&edges);
        for index in 0..self.model.structs.len() {
            if self.model.structs[index].kind == StructKind::Union {
                continue;
            }
            for field in &self.model.structs[index].fields {
                let Type::Struct(inner) = *self.model.resolved(&field.ty) else {
                    continue;
                };
                if field.presence == Presence::Required && component[inner] == component[index] {
                    let name = &self.model.structs[index].head.name;
                    let problem = Problem::new(field.span, format!("`{name}` contains itself and can have no value"))
                        .help("make the field `optional`");
                    self.problems.push(problem);
                }
            }
        }
    }

    /// Which structs each struct contains, in itself or in an option, by fields that `counts`.
    fn edges(&self, counts: impl Fn(Presence) -> bool) -> Vec<Vec<usize>> {
        let inner = |ty: &Type| match self.model.resolved(ty) {
            Type::Struct(inner) => Some(*inner),
            _ => None,
        };
        let structs = self.model.structs.iter();
        structs
            .map(|item| {
                let fields = item.fields.iter().filter(|field| counts(field.presence));
                fields.filter_map(|field| inner(&field.ty)).collect()
            })
            .collect()
    }

    /// Starts from "all of them" and takes away until nothing changes, so that recursive structs can be hashable too.
    fn hashable(&mut self) {
        for item in &mut self.model.structs {
            item.hashable = true;
        }
        let mut changed = true;
        while changed {
            changed = false;
            for index in 0..self.model.structs.len() {
                let item = &self.model.structs[index];
                if item.hashable && !item.fields.iter().all(|field| self.model.hashable(&field.ty)) {
                    self.model.structs[index].hashable = false;
                    changed = true;
                }
            }
        }
    }
}

/// The strongly connected component of each node; a component's number is greater than those it leads to.
///
/// Tarjan's algorithm, without recursion.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let mut component = vec![NEW; edges.len()];
    let mut order = vec![NEW; edges.len()];
    let mut low = vec![NEW; edges.len()];
    let mut open = Vec::new();
    let (mut clock, mut count) = (0, 0);
    for root in 0..edges.len() {
        if order[root] != NEW {
            continue;
        }
        // Each entry: a node, and how many of its edges have been followed.
        let mut path = vec![(root, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            if *followed == 0 {
                order[node] = clock;
                low[node] = clock;
                clock += 1;
                open.push(node);
            }
            match edges[node].get(*followed) {
                Some(&next) => {
                    *followed += 1;
                    if order[next] == NEW {
                        path.push((next, 0));
                    } else if component[next] == NEW {
                        low[node] = low[node].min(order[next]);
                    }
                }
                None => {
                    path.pop();
                    if let Some((above, _)) = path.last() {
                        low[*above] = low[*above].min(low[node]);
                    }
                    if low[node] == order[node] {
                        while let Some(member) = open.pop() {
                            component[member] = count;
                            if member == node {
                                break;
                            }
                        }
                        count += 1;
                    }
                }
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn components_are_numbered_from_the_leaves() {
        assert_eq!(components(&[]), Vec::<usize>::new());
        assert_eq!(components(&[vec![1], vec![2], vec![]]), [2, 1, 0]);
        assert_eq!(components(&[vec![1], vec![0, 2], vec![2]]), [1, 1, 0]);
        let ring: Vec<Vec<usize>> = (0..100_000).map(|node| vec![(node + 1) % 100_000]).collect();
        assert!(components(&ring).iter().all(|number| *number == 0));
    }
}
