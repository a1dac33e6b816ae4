/**
 * Uma conexão que outro discou: o que se sabe de quem está do outro lado, o que ela ocupa, e o
 * que se vê nela a cada pulso. De muitas cuida lib/conexoes.ts.
 *
 * ```ts ignore
 * const conexao = abrirConexao(await ouvinte.accept(), { separador: new TextLineStream(), ... });
 * const parou = olhar(conexao, limites); // a cada pulso
 * if (parou) conexao.canal.close();
 * ```
 *
 * @module
 */

import { acabarDeEnviar, type Canal } from "./canal.ts";
import { textoDoLado } from "./endereco.ts";
import { abrirEntrada, type Entrada, type Separador } from "./entrada.ts";
import { PULSO_MS, PULSOS_MUDOS_MAX } from "./pedidos.ts";
import type { Rastro } from "./rastro.ts";
import { abrirSaida, type Saida } from "./saida.ts";
import type { Tempo } from "./tempo.ts";
import { noLimite } from "./texto.ts";

/** Depois de uma recusa que fecha a conexão, o tempo para o outro lado a ler, em milissegundos. */
export const DESPEDIDA_MS = 1_000;

/**
 * O que se sabe do outro lado. Um estranho ainda não completou o TLS ou não provou quem é; de um
 * par, que dá sinais de vida e leva pedidos de muitos, só se exigem os sinais.
 */
export type Confianca = "estranho" | "comum" | "par";

/** Os limites de cada conexão e de todas. */
export interface LimitesDasConexoes {
  /** Conexões ao mesmo tempo; além, cai a que há mais tempo não tem nada em curso. */
  readonly conexoes: number;
  /** Bytes de uma linha, conforme quem a manda; além, a recusa, e a conexão fecha. */
  readonly linhaBytes: { readonly [c in Confianca]: number };
  /** Caracteres de respostas que o outro lado não lê; além, não se trata nem lê mais nada dele. */
  readonly respostas: number;
  /** Caracteres de pedidos sem resposta; além, ele não é lido enquanto alguns acabam. */
  readonly pedidos: number;
  /** Caracteres que conta, ao menos, cada pedido. */
  readonly pedidoMinimo: number;
  /** Caracteres de todas; além, cai a que mais ocupa sem ler o que pediu nem acabar a linha. */
  readonly total: number;
  /** Pulsos que o outro lado tem para ler um pouco do que pediu; depois, cai. */
  readonly pulsosSemLer: number;
  /** Pulsos que tem para acabar uma linha que começou; depois, a recusa, e cai. */
  readonly pulsosNaLinha: number;
  /** Pulsos que um estranho tem para provar quem é; depois, a recusa, e cai. */
  readonly pulsosSemProva: number;
}

/** Uma conexão aceita. */
export interface Conexao {
  /** O outro lado, `IP:porta`. */
  readonly endereco: string;
  readonly canal: Canal;
  readonly entrada: Entrada;
  readonly saida: Saida;
  confianca: Confianca;
  /** Pedidos ainda sem resposta. */
  pedidos: number;
  /** Caracteres dos pedidos sem resposta e das respostas por escrever. */
  emCurso: number;
  /** O que se leu e está parado por culpa do outro lado: a linha por acabar, um lote cujas respostas não lê. */
  guardados: number;
  /** Quem espera que {@linkcode emCurso} diminua, para voltar a ler. */
  aoAliviar: (() => void) | undefined;
  /** Se está cheia e nada acaba: lê-se na mesma, para que se responda já ao que vier. */
  empatada: boolean;
  /** Se há linhas lidas e ainda por tratar. */
  tratando: boolean;
  /** Se não se lê mais nada dela: já se lhe disse por quê, e falta fechá-la. */
  dispensada: boolean;
  fechada: boolean;
  /** O que se viu no último pulso, e há quantos pulsos não muda. */
  vistos: Vistos;
}

/** O que se viu num pulso, e há quantos pulsos cada coisa não muda. */
interface Vistos {
  readonly lidos: number;
  readonly blocos: number;
  readonly escritos: number;
  readonly mudo: number;
  readonly semLer: number;
  readonly naLinha: number;
  readonly semProva: number;
}

/** De que {@linkcode abrirConexao} precisa, e o que avisa. */
export interface OpcoesDaConexao {
  readonly separador: Separador;
  readonly linhaBytes: LimitesDasConexoes["linhaBytes"];
  readonly rastro: Rastro | undefined;
  readonly tempo: Tempo;
  /** O que se leu e está por tratar cresceu (ou diminuiu) de tantos bytes. */
  aoGuardar(bytes: number): void;
  /** Foram escritos (ou se perderam) tantos caracteres do que estava em curso. */
  aoEscrever(caracteres: number): void;
  /** Já não se pode escrever nela. */
  aoFalhar(): void;
}

/** A conexão por um canal: um estranho, até que se diga outra coisa. */
export function abrirConexao(canal: Canal, opcoes: OpcoesDaConexao): Conexao {
  const { rastro, tempo, aoGuardar, aoEscrever, aoFalhar } = opcoes;
  const conexao: Conexao = {
    endereco: textoDoLado(canal.remoteAddr),
    canal,
    entrada: abrirEntrada(
      canal,
      opcoes.separador,
      () => opcoes.linhaBytes[conexao.confianca],
      { aoReceber: rastro?.("recebeu", canal), aoGuardar },
    ),
    saida: abrirSaida(canal, { aoEnviar: rastro?.("enviou", canal), aoEscrever, aoFalhar, tempo }),
    confianca: "estranho",
    pedidos: 0,
    emCurso: 0,
    guardados: 0,
    aoAliviar: undefined,
    empatada: false,
    tratando: false,
    dispensada: false,
    fechada: false,
    vistos: { lidos: 0, blocos: 0, escritos: 0, mudo: 0, semLer: 0, naLinha: 0, semProva: 0 },
  };
  return conexao;
}

/** Espera que algo da conexão acabe: uma resposta, uma escrita, ou ela mesma. */
export function alivio(conexao: Conexao): Promise<void> {
  return new Promise((resolver) => {
    conexao.aoAliviar = () => {
      conexao.aoAliviar = undefined;
      resolver();
    };
  });
}

/**
 * Antes de fechar por culpa do outro lado, deixa que ele leia por quê: fechar
 * com bytes por ler derrubaria a conexão, e a recusa com ela.
 */
export async function despedir(
  { canal }: Conexao,
  tempo: Tempo,
  fechar: () => void,
): Promise<void> {
  await acabarDeEnviar(canal);
  const desistir = tempo.depois(DESPEDIDA_MS, fechar);
  const lixo = new Uint8Array(4096);
  try {
    while (await canal.read(lixo) !== null);
  } finally {
    desistir();
  }
}

/**
 * O que há de errado com uma conexão neste pulso: calada, dela não se espera mais nada; senão,
 * ainda se lhe pode dizer o motivo.
 */
export function olhar(
  conexao: Conexao,
  limites: LimitesDasConexoes,
): { porque: "calada" | "linha" | "prova"; motivo: string } | undefined {
  const { entrada: { lidos, blocos, parcial }, saida, vistos, confianca } = conexao;
  const semLer = saida.fila > 0 && saida.escritos === vistos.escritos;
  // Se é este lado que não a lê, a linha por acabar não é culpa de ninguém.
  const naLinha = parcial > 0 && blocos === vistos.blocos && !conexao.aoAliviar;
  const agora = conexao.vistos = {
    lidos,
    blocos,
    escritos: saida.escritos,
    mudo: lidos === vistos.lidos ? vistos.mudo + 1 : 0,
    semLer: semLer ? vistos.semLer + 1 : 0,
    naLinha: naLinha ? vistos.naLinha + 1 : 0,
    semProva: confianca === "estranho" ? vistos.semProva + 1 : 0,
  };
  const { pulsosSemLer, pulsosNaLinha, pulsosSemProva } = limites;
  const parou = confianca === "par" ? agora.mudo > PULSOS_MUDOS_MAX : agora.semLer > pulsosSemLer;
  if (parou) return { porque: "calada", motivo: "" };
  const em = (pulsos: number) => noLimite(`em ${pulsos * PULSO_MS / 1000} s`);
  if (agora.naLinha > pulsosNaLinha) {
    return { porque: "linha", motivo: `uma linha não acabou ${em(pulsosNaLinha)}` };
  }
  if (agora.semProva > pulsosSemProva) {
    return { porque: "prova", motivo: `sem a prova do segredo ${em(pulsosSemProva)}` };
  }
}
