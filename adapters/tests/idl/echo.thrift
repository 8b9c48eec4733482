namespace go echo

service Echo {
    string echo(1: string text)
    string later(1: string text)
}
