"""The REST protocol of Oracle's ADF business objects, over whatever resources a product has."""
