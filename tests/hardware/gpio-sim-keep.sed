# A switch for the simulator, /sys/module/gpio_sim/parameters/keep: with it a line whose last
# holder lets go stays at the level that it was driven at, as on the kernels of a Raspberry Pi.
# Without it the line goes back to where it is pulled, as on others.
/^static void gpio_sim_free(/,/^}/ {
  s/^static void gpio_sim_free(/static bool keep;\nmodule_param(keep, bool, 0644);\n\n&/
  s/^\tstruct gpio_sim_chip \*chip = gpiochip_get_data(gc);/&\n\n\tif (keep) {\n\t\tmutex_lock(\&chip->lock);\n\t\t__assign_bit(offset, chip->pull_map, !!test_bit(offset, chip->value_map));\n\t\tmutex_unlock(\&chip->lock);\n\t\treturn;\n\t}/
}
