namespace rs shop

struct Item { 1: required string id, 2: i32 count = 1 }
struct Receipt { 1: required i64 total }
exception OutOfStock { 1: required string id }

service Cart {
  Receipt add(1: Item item) throws (1: OutOfStock gone)
}
