// The one service that every side of the ping-pong measurement serves and calls.
namespace go echo
namespace rs echo

service Echo {
    string echo(1: string message)
}
