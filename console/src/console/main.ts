import '../design/base.css';
import './console.css';
import './measure';
import { mount } from 'svelte';
import App from './App.svelte';
import { prepare } from './session/chime';

prepare();
const target = document.getElementById('app');
if (target) mount(App, { target });
