typedef double Meters
enum Unit { UNKNOWN = 0; METER = 1 }
